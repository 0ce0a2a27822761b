/*-------------------------------------------------------------------------
 *
 * requests.h
 *	  Requests that several kinds of questions make.
 *
 * For the kinds, on the thread that asks.  Each ends soon after the question is
 * cancelled, and at its deadline.
 *
 * Plain C with malloc.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_REQUESTS_H
#define VNSTREAM_BROKER_REQUESTS_H

#include "broker/question.h"

/*
 * Brokers, topics and partitions of the whole cluster; the caller gives it back
 * with rd_kafka_metadata_destroy().  False with error.
 */
extern bool request_metadata(Question *question,
							 const struct rd_kafka_metadata **metadata);

/*
 * Metadata do not name a topic: is that to be believed?  Only after they have not
 * for a while.  since is 0 at first, and again when the topic was seen.
 */
extern bool request_is_denied(int64_t *since, const struct rd_kafka_metadata *metadata);

/*
 * Fills in one end of each partition in the list, RD_KAFKA_OFFSET_BEGINNING or
 * RD_KAFKA_OFFSET_END (the last stable offset), by one request a leader.  All or
 * an error's code; ask for the metadata again before another try.  An empty list
 * is fine.
 */
extern rd_kafka_resp_err_t request_offsets(Question *question,
										   rd_kafka_topic_partition_list_t *list,
										   int64_t which);

/*
 * For one admin request; rd_kafka_event_opaque() of its answer is opaque.  The
 * caller destroys it.  A request to a group's coordinator takes
 * REQUEST_NEVER_TIMES_OUT: librdkafka aborts the process when such a request
 * times out before it could be sent (its issue 4605).  Whoever waits for it gives
 * up at the question's deadline instead.
 */
#define REQUEST_NEVER_TIMES_OUT 3600000
extern rd_kafka_AdminOptions_t *request_options(Question *question,
												rd_kafka_admin_op_t operation,
												int timeout_ms, void *opaque);

/*
 * The next answer; NULL when the question is over, or at until, of
 * question_clock_ms().
 */
extern rd_kafka_event_t *request_answer(Question *question, rd_kafka_queue_t *answers,
										int64_t until);

#endif							/* VNSTREAM_BROKER_REQUESTS_H */
