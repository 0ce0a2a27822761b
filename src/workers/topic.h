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
 * After a reload: is the file of vnstream.kafka_config_file another one than
 * this process began with, or has other content?  A file that has faults is
 * told, and counts as unchanged: what is connected stays so.
 */
extern bool worker_broker_file_changed(void);

/*
 * Ask for the topic, with watermarks where wanted; it is created by the
 * settings where it does not exist.  NULL, and the error told, where that
 * cannot even begin.
 */
extern BrokerQuery *topic_ask(bool watermarks);

#endif							/* VNSTREAM_WORKERS_TOPIC_H */
