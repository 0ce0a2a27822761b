/*-------------------------------------------------------------------------
 *
 * process_end.h
 *	  An end of the process while librdkafka's threads still run.
 *
 * A client is destroyed without waiting for threads that hang (a name server, a
 * broker that froze), and a session may be terminated while it waits for an
 * answer.  exit() would then run the destructors of libraries, OpenSSL's among
 * them, under threads that use them, and a crash of one PostgreSQL process is a
 * restart of all.  So the process counts its live clients, and where there are
 * any at its end, PostgreSQL's own callbacks run and the libraries' do not, nor
 * are stdio's buffers written.
 *
 * Plain C.  Any thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_BROKER_PROCESS_END_H
#define VNSTREAM_BROKER_PROCESS_END_H

/* Right after a client was made (libraries register theirs while it is). */
extern void process_end_client_made(void);

/* After its last thread is gone. */
extern void process_end_client_gone(void);

#endif							/* VNSTREAM_BROKER_PROCESS_END_H */
