/*-------------------------------------------------------------------------
 *
 * requests.c
 *	  Requests that several kinds of questions make.
 *
 *-------------------------------------------------------------------------
 */
#include "broker/requests.h"

#include <string.h>

/*
 * A broker with ZooKeeper that has just started denies every topic, until its
 * controller has told it of them.
 */
#define DENIED_MS 1000

/* How long a poll may keep a cancelled question's thread. */
#define POLL_MS 100

bool
request_metadata(Question *question, const struct rd_kafka_metadata **metadata)
{
	int			slice;

	while ((slice = question_next_slice(question)) > 0)
	{
		rd_kafka_resp_err_t code;

		code = rd_kafka_metadata(question->client->kafka, 1, NULL, metadata, slice);
		question_listen(question);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			question_first_slice(question);
			return true;
		}
		if (!question_is_passing(code))
			return question_fail(question, "Kafka does not describe the cluster: %s",
								 rd_kafka_err2str(code));
		question_pause();
	}
	return question_fail_unanswered(question, "the cluster was not described");
}

bool
request_is_denied(int64_t *since, const struct rd_kafka_metadata *metadata)
{
	if (*since == 0)
		*since = question_clock_ms();
	return metadata->broker_cnt > 0 && question_clock_ms() - *since >= DENIED_MS;
}

/*
 * rd_kafka_offsets_for_times() hands a "time" on as it is, and the protocol's
 * times -2 and -1 mean the two ends (librdkafka's BEGINNING and END).  So two
 * requests a leader answer for all partitions, where
 * rd_kafka_query_watermark_offsets() asks for one partition at a time, keeps
 * to no timeout while it waits for the answer, and guesses which of its two
 * answers is the low one.
 */
rd_kafka_resp_err_t
request_offsets(Question *question, rd_kafka_topic_partition_list_t *list, int64_t which)
{
	rd_kafka_resp_err_t code;
	int			slice;
	int			i;

	if (list->cnt == 0)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	slice = question_next_slice(question);
	if (slice == 0)
		return RD_KAFKA_RESP_ERR__TIMED_OUT;
	for (i = 0; i < list->cnt; i++)
		list->elems[i].offset = which;
	code = rd_kafka_offsets_for_times(question->client->kafka, list, slice);
	question_listen(question);
	for (i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
	{
		code = list->elems[i].err;
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR && list->elems[i].offset < 0)
			code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	}
	return code;
}

rd_kafka_AdminOptions_t *
request_options(Question *question, rd_kafka_admin_op_t operation, int timeout_ms,
				void *opaque)
{
	rd_kafka_AdminOptions_t *options;
	char		ignored[BROKER_ERROR_SIZE];

	options = rd_kafka_AdminOptions_new(question->client->kafka, operation);
	/* fails for a time out of its range only, which ends at an hour */
	rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, ignored,
											  sizeof(ignored));
	rd_kafka_AdminOptions_set_opaque(options, opaque);
	return options;
}

rd_kafka_event_t *
request_answer(Question *question, rd_kafka_queue_t *answers, int64_t until)
{
	rd_kafka_event_t *event = NULL;

	while (event == NULL && !question_is_over(question))
	{
		int64_t		left = until - question_clock_ms();

		if (left <= 0)
			break;
		event = rd_kafka_queue_poll(answers, left < POLL_MS ? (int) left : POLL_MS);
		question_listen(question);
	}
	return event;
}
