/*-------------------------------------------------------------------------
 *
 * target.h
 *	  One topic has one producer of this server: two would fetch and publish
 *	  everything twice.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_TARGET_H
#define VNSTREAM_WORKERS_TARGET_H

/*
 * Claim brokers and topic of the settings for this process, until it exits.
 * False, and the error told, while the producer of another database has them.
 * Main thread of the producer.
 */
extern bool target_claim(void);

#endif							/* VNSTREAM_WORKERS_TARGET_H */
