/*-------------------------------------------------------------------------
 *
 * topic.h
 *	  A worker's questions about its topic, which is made where it is missing.
 *
 * All functions: main thread of a worker.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_TOPIC_H
#define VNSTREAM_WORKERS_TOPIC_H

#include "postgres.h"

#include "broker/query.h"

/*
 * Brokers, client id and group of this process by the settings.  The texts
 * stay valid until the next call.
 */
extern BrokerOptions worker_broker_options(void);

/*
 * Ask for the topic, with watermarks where wanted; it is created by the
 * settings where it does not exist.  NULL, and the error told, where that
 * cannot even begin.
 */
extern BrokerQuery *topic_ask(bool watermarks);

#endif							/* VNSTREAM_WORKERS_TOPIC_H */
