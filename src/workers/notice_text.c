/*-------------------------------------------------------------------------
 *
 * notice_text.c
 *	  librdkafka's sentences, made fit for people.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "workers/notice_text.h"

static const char aside_begin[] = " (after ";
static const char aside_middle[] = "ms in state ";

/*
 * The end of the aside that begins at this place, or NULL where it is
 * something else.
 */
static char *
aside_end(char *place)
{
	char	   *digits = place + strlen(aside_begin);
	char	   *middle = digits + strspn(digits, "0123456789");
	char	   *end;
	int			depth = 1;

	if (middle == digits || strncmp(middle, aside_middle, strlen(aside_middle)) != 0)
		return NULL;
	for (end = middle; *end != '\0' && depth > 0; end++)
		depth += *end == '(' ? 1 : *end == ')' ? -1 : 0;
	return end;
}

void
notice_shorten(char *text)
{
	char	   *place = text;

	while ((place = strstr(place, aside_begin)) != NULL)
	{
		char	   *end = aside_end(place);

		if (end != NULL)
			memmove(place, end, strlen(end) + 1);
		else
			place++;
	}
}

bool
notice_is_noise(const char *line)
{
	/* requests that never left: what kept them is told by itself */
	return strstr(line, "Timed out 0 in-flight, 0 retry-queued, ") != NULL;
}

bool
notice_covers(const char *error, const char *line)
{
	return strstr(error, line) != NULL;
}
