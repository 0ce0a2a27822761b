/*-------------------------------------------------------------------------
 *
 * http_settings.h
 *	  How this process asks sources, by its settings.
 *
 * A look at a source (workers/fetch.h) has the settings of its session's
 * database in its request instead.
 *
 *-------------------------------------------------------------------------
 */
#ifndef VNSTREAM_WORKERS_HTTP_SETTINGS_H
#define VNSTREAM_WORKERS_HTTP_SETTINGS_H

#include "source/http.h"

/*
 * Points into the settings: for http_client_create() and
 * http_client_reconfigure(), which copy, at once.
 */
extern HttpOptions http_settings(int max_in_flight);

#endif							/* VNSTREAM_WORKERS_HTTP_SETTINGS_H */
