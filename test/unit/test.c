/*-------------------------------------------------------------------------
 *
 * test.c
 *	  What a unit test needs: results as TAP, and the captured answers.
 *
 *-------------------------------------------------------------------------
 */
#include "test.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int	results;
static int	failures;

static void report(bool is_good, const char *name, va_list arguments)
			__attribute__((format(printf, 2, 0)));

/* A number sign or newline in a name would be read as TAP's own. */
static void
report(bool is_good, const char *name, va_list arguments)
{
	char		text[512];
	char	   *c;

	vsnprintf(text, sizeof(text), name, arguments);
	for (c = text; *c != '\0'; c++)
	{
		if (*c == '#' || *c == '\n')
			*c = ' ';
	}
	results++;
	if (!is_good)
		failures++;
	printf("%sok %d - %s\n", is_good ? "" : "not ", results, text);
	fflush(stdout);
}

bool
ok(bool is_good, const char *name,...)
{
	va_list		arguments;

	va_start(arguments, name);
	report(is_good, name, arguments);
	va_end(arguments);
	return is_good;
}

bool
is_text(const char *got, const char *expected, const char *name,...)
{
	bool		is_good = (got == NULL || expected == NULL) ?
		got == expected : strcmp(got, expected) == 0;
	va_list		arguments;

	va_start(arguments, name);
	report(is_good, name, arguments);
	va_end(arguments);
	if (!is_good)
	{
		diag("     got: %s", got == NULL ? "(none)" : got);
		diag("expected: %s", expected == NULL ? "(none)" : expected);
	}
	return is_good;
}

bool
has_text(const char *got, const char *part, const char *name,...)
{
	bool		is_good = strstr(got, part) != NULL;
	va_list		arguments;

	va_start(arguments, name);
	report(is_good, name, arguments);
	va_end(arguments);
	if (!is_good)
	{
		diag("     got: %s", got);
		diag("  needed: %s", part);
	}
	return is_good;
}

bool
is_integer(int64_t got, int64_t expected, const char *name,...)
{
	va_list		arguments;

	va_start(arguments, name);
	report(got == expected, name, arguments);
	va_end(arguments);
	if (got != expected)
	{
		diag("     got: %" PRId64, got);
		diag("expected: %" PRId64, expected);
	}
	return got == expected;
}

bool
is_number(double got, double expected, const char *name,...)
{
	va_list		arguments;

	va_start(arguments, name);
	report(got == expected, name, arguments);
	va_end(arguments);
	if (got != expected)
	{
		diag("     got: %.17g", got);
		diag("expected: %.17g", expected);
	}
	return got == expected;
}

void
skip(const char *reason)
{
	results++;
	printf("ok %d # SKIP %s\n", results, reason);
}

void
diag(const char *format,...)
{
	va_list		arguments;

	fputs("# ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

int
done_testing(void)
{
	printf("1..%d\n", results);
	/* the end of a process with live clients does not flush (process_end.h) */
	fflush(stdout);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void
bail_out(const char *what, const char *path)
{
	printf("Bail out!  %s: %s\n", what, path);
	exit(EXIT_FAILURE);
}

char *
read_fixture(const char *path, size_t *length)
{
	const char *directory = getenv("VNSTREAM_FIXTURES");
	char		full_path[4096];
	FILE	   *file;
	long		size;
	char	   *text;

	snprintf(full_path, sizeof(full_path), "%s/%s",
			 directory == NULL ? "../fixtures" : directory, path);
	file = fopen(full_path, "rb");
	if (file == NULL)
		bail_out("cannot open fixture", full_path);
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	if (size < 0)
		bail_out("cannot read fixture", full_path);
	text = malloc(size > 0 ? (size_t) size : 1);
	if (text == NULL || fread(text, 1, (size_t) size, file) != (size_t) size)
		bail_out("cannot read fixture", full_path);
	fclose(file);
	*length = (size_t) size;
	return text;
}

char *
exact_copy(const char *text, size_t length)
{
	char	   *copy = malloc(length > 0 ? length : 1);

	if (copy == NULL)
		bail_out("out of memory", "exact_copy");
	memcpy(copy, text, length);
	return copy;
}
