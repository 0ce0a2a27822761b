/*-------------------------------------------------------------------------
 *
 * probe.h
 *	  The way to the brokers and through a topic, looked at step by step.
 *
 * A kind of question that says of each step how it went.  It writes nothing: to
 * see whether it may, it sends a message larger than the topic takes, which a
 * broker refuses only after it has checked the right to write and the replicas
 * in sync.  It reads by partition, without a group.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_PROBE_H
#define VNSTREAM_BROKER_PROBE_H

#include "broker/question.h"

typedef enum ProbeStage
{
	PROBE_RESOLVE,				/* the names in the list of brokers */
	PROBE_CONNECT,				/* TCP */
	PROBE_LOGIN,				/* TLS, password, and a first answer */
	PROBE_TOPIC,				/* it exists, and tells its configuration */
	PROBE_WRITE,
	PROBE_READ,
	PROBE_STAGES
} ProbeStage;

typedef enum ProbeOutcome
{
	PROBE_SKIPPED,				/* an earlier stage failed, or it was not wanted */
	PROBE_OK,
	PROBE_WARNING,
	PROBE_FAILED
} ProbeOutcome;

typedef struct ProbeResult
{
	ProbeOutcome outcome;
	double		ms;				/* that it took */
	char		detail[BROKER_ERROR_SIZE];	/* a clause; bytes as they came */
} ProbeResult;

#define PROBE_RETENTION_FOREVER (-1)
#define PROBE_UNKNOWN (-2)

typedef struct ProbeAnswer
{
	ProbeResult stages[PROBE_STAGES];
	rd_kafka_resp_err_t code;	/* what login, topic, write or read failed with,
								 * the last of them; 0: none, or no code */
	bool		topic_exists;	/* the following are set only where it does */
	int			partitions;
	int			without_leader; /* of them */
	int			replication;	/* the smallest of its partitions */
	int64_t		retention_ms;	/* or PROBE_… */
	int64_t		max_message_bytes;	/* or PROBE_UNKNOWN */
	int64_t		newest_ms;		/* timestamp of the newest message that was
								 * read, ms since 1970; 0: none was */
	int64_t		newest_read_ms; /* the wall clock when it came */
	bool		newest_is_brokers;	/* its timestamp is the broker's own */
} ProbeAnswer;

/*
 * The question fails only for want of memory.  A name server that does not
 * answer may hold it longer than timeout_ms: who asks should not wait for it.
 */
extern Question *probe_question(const BrokerOptions *options, const char *topic,
								bool may_write, int timeout_ms, char *error);

/* The question's own. */
extern const ProbeAnswer *probe_question_answer(const Question *question);

/* The way through the topic; probe.c's. */
typedef struct ProbeQuestion
{
	Question	base;
	ProbeAnswer answer;
	BrokerOptions options;		/* copies */
	char	   *topic;
	bool		may_write;
	rd_kafka_topic_t *handle;
	int64_t		absent_since;
	int32_t		first_leader;	/* a partition that has one; -1 none */
	rd_kafka_resp_err_t heard;	/* _AUTHENTICATION or _SSL, where a broker
								 * refused one of them */
	char		refusal[BROKER_ERROR_SIZE]; /* in its words */
} ProbeQuestion;

/* Note how a stage went; answers whether the next one makes sense. */
extern bool probe_tell(ProbeQuestion *question, ProbeStage stage, ProbeOutcome outcome,
					   int64_t since_us, const char *format,...)
			__attribute__((format(printf, 5, 6)));
extern int64_t probe_clock_us(void);

/* probe_network.c */
extern bool probe_network(ProbeQuestion *question);

/* probe_messages.c */
extern void probe_write(ProbeQuestion *question);
extern void probe_read(ProbeQuestion *question);

#endif							/* VNSTREAM_BROKER_PROBE_H */
