/*-------------------------------------------------------------------------
 *
 * http_server.h
 *	  A small HTTP server inside a test program, on 127.0.0.1.
 *
 * A thread for each connection reads requests and calls the test's handler,
 * which writes whatever bytes it likes.  The server counts what a test wants
 * to know: connections, requests, and how many were in flight at once.
 *
 * Its threads have all signals blocked, so that the test's own thread gets them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TEST_HTTP_SERVER_H
#define TEST_HTTP_SERVER_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define SERVER_MAX_CONNECTIONS 4096
#define SERVER_MAX_REQUEST (8 * 1024 * 1024)

typedef struct ServerRequest
{
	char		method[8];
	char		path[1024];		/* with the query */
	const char *head;			/* request line and headers */
	const char *body;			/* zero-terminated */
	int			number;			/* of this connection, from 1 */
} ServerRequest;

typedef struct Server Server;

/* Answers a request; false closes the connection. */
typedef bool (*ServerHandler) (Server *server, int fd,
							   const ServerRequest *request);

struct Server
{
	ServerHandler handler;
	int			listener;
	int			port;
	pthread_t	thread;
	pthread_mutex_t lock;
	pthread_t	threads[SERVER_MAX_CONNECTIONS];
	int			fds[SERVER_MAX_CONNECTIONS];	/* -1: closed */
	int			thread_count;
	atomic_bool stops;			/* handlers that sleep look at it */
	atomic_int	connections;
	atomic_int	requests;
	atomic_int	active;
	atomic_int	most_active;
};

typedef struct ServerConnection
{
	Server	   *server;
	int			slot;
} ServerConnection;

#define SERVER_UNUSED __attribute__((unused))

/* False where the client is gone. */
static SERVER_UNUSED bool
server_send(int fd, const void *data, size_t length)
{
	const char *next = data;

	while (length > 0)
	{
		ssize_t		sent = send(fd, next, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		next += sent;
		length -= (size_t) sent;
	}
	return true;
}

static SERVER_UNUSED __attribute__((format(printf, 2, 3)))
bool
server_printf(int fd, const char *format,...)
{
	char		text[16384];
	va_list		arguments;
	int			length;

	va_start(arguments, format);
	length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t) length >= sizeof(text))
		abort();
	return server_send(fd, text, (size_t) length);
}

/* A whole answer.  headers: lines, each with its \r\n. */
static SERVER_UNUSED bool
server_answer(int fd, const char *status, const char *headers,
			  const void *body, size_t length)
{
	return server_printf(fd, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n",
						 status, length, headers) &&
		server_send(fd, body, length);
}

/* Sleeps until the time is over or the server stops. */
static SERVER_UNUSED void
server_sleep(Server *server, int ms)
{
	struct timespec step = {0, 2000000};

	for (; ms > 0 && !atomic_load(&server->stops); ms -= 2)
		nanosleep(&step, NULL);
}

/* Sleeps until the client leaves or the server stops. */
static SERVER_UNUSED void
server_wait_for_end(Server *server, int fd)
{
	char		byte;

	while (!atomic_load(&server->stops))
	{
		ssize_t		got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			break;
		server_sleep(server, 2);
	}
}

static size_t
server_content_length(const char *head)
{
	const char *line = strcasestr(head, "\r\ncontent-length:");

	return line == NULL ? 0 : (size_t) strtoul(line + 17, NULL, 10);
}

/* Reads one request into buffer; false at the end of the connection. */
static bool
server_read(int fd, char *buffer, size_t *filled, size_t *used,
			ServerRequest *request)
{
	char	   *end;
	size_t		body;

	/* What came after the last request moves to the front. */
	memmove(buffer, buffer + *used, *filled - *used);
	*filled -= *used;
	*used = 0;
	for (;;)
	{
		ssize_t		got;

		buffer[*filled] = '\0';
		end = strstr(buffer, "\r\n\r\n");
		if (end != NULL)
		{
			char		after = end[2];

			end[2] = '\0';
			body = server_content_length(buffer);
			end[2] = after;
			if (*filled >= (size_t) (end + 4 - buffer) + body)
				break;
		}
		if (*filled + 1 >= SERVER_MAX_REQUEST)
			return false;
		got = recv(fd, buffer + *filled, SERVER_MAX_REQUEST - *filled - 1, 0);
		if (got <= 0)
			return false;
		*filled += (size_t) got;

		/* As servers do with what is no HTTP (TLS, for instance). */
		if (buffer[0] < 'A' || buffer[0] > 'Z')
			return false;
	}
	end[2] = '\0';
	*used = (size_t) (end + 4 - buffer) + body;
	request->head = buffer;
	request->body = end + 4;
	request->number++;
	return sscanf(buffer, "%7s %1023s", request->method, request->path) == 2;
}

static void *
server_serve(void *argument)
{
	ServerConnection *connection = argument;
	Server	   *server = connection->server;
	int			slot = connection->slot;
	int			fd = server->fds[slot];
	char	   *buffer = malloc(SERVER_MAX_REQUEST);
	size_t		filled = 0;
	size_t		used = 0;
	ServerRequest request = {.number = 0};
	bool		goes_on = true;

	free(connection);
	while (goes_on && server_read(fd, buffer, &filled, &used, &request))
	{
		char		kept = buffer[used];
		int			active = atomic_fetch_add(&server->active, 1) + 1;
		int			most = atomic_load(&server->most_active);

		buffer[used] = '\0';
		while (active > most &&
			   !atomic_compare_exchange_weak(&server->most_active, &most,
											 active))
			;
		atomic_fetch_add(&server->requests, 1);
		goes_on = server->handler(server, fd, &request);
		atomic_fetch_sub(&server->active, 1);
		buffer[used] = kept;
	}
	pthread_mutex_lock(&server->lock);
	close(fd);
	server->fds[slot] = -1;
	pthread_mutex_unlock(&server->lock);
	free(buffer);
	return NULL;
}

static void *
server_accept(void *argument)
{
	Server	   *server = argument;

	for (;;)
	{
		int			fd = accept(server->listener, NULL, NULL);
		int			one = 1;
		ServerConnection *connection;

		if (fd < 0)
		{
			if (atomic_load(&server->stops))
				return NULL;
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		connection = malloc(sizeof(ServerConnection));
		connection->server = server;
		pthread_mutex_lock(&server->lock);
		if (server->thread_count == SERVER_MAX_CONNECTIONS)
			abort();
		connection->slot = server->thread_count++;
		server->fds[connection->slot] = fd;
		pthread_mutex_unlock(&server->lock);

		/* Before the thread that answers, so that no test sees it late. */
		atomic_fetch_add(&server->connections, 1);
		if (pthread_create(&server->threads[connection->slot], NULL,
						   server_serve, connection) != 0)
			abort();
	}
}

static SERVER_UNUSED Server *
server_start(ServerHandler handler)
{
	Server	   *server = calloc(1, sizeof(Server));
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t	size = sizeof(address);
	sigset_t	all;
	sigset_t	saved;

	server->handler = handler;
	pthread_mutex_init(&server->lock, NULL);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (server->listener < 0 ||
		bind(server->listener, (struct sockaddr *) &address, size) < 0 ||
		listen(server->listener, 128) < 0 ||
		getsockname(server->listener, (struct sockaddr *) &address, &size) < 0)
	{
		perror("test server");
		exit(1);
	}
	server->port = ntohs(address.sin_port);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &saved);
	if (pthread_create(&server->thread, NULL, server_accept, server) != 0)
		abort();
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return server;
}

static SERVER_UNUSED void
server_stop(Server *server)
{
	int			i;

	atomic_store(&server->stops, true);
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
	pthread_mutex_lock(&server->lock);
	for (i = 0; i < server->thread_count; i++)
		if (server->fds[i] >= 0)
			shutdown(server->fds[i], SHUT_RDWR);
	pthread_mutex_unlock(&server->lock);
	for (i = 0; i < server->thread_count; i++)
		pthread_join(server->threads[i], NULL);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

#endif							/* TEST_HTTP_SERVER_H */
