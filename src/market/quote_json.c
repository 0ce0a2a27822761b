/*-------------------------------------------------------------------------
 *
 * quote_json.c
 *	  The message of a quote, both ways.
 *
 *-------------------------------------------------------------------------
 */
#include "market/quote.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "market/day.h"
#include "market/json.h"
#include "market/reason.h"

/* A message that is being read. */
typedef struct MessageReader
{
	Quote	   *quote;
	int			next_field;		/* that the next key is likely to name */
	char	   *error;			/* of the first bad member, else '' */
} MessageReader;

static char *
write_string(char *text, const char *string)
{
	static const char hex[] = "0123456789abcdef";

	*text++ = '"';
	for (; *string != '\0'; string++)
	{
		unsigned char c = (unsigned char) *string;

		if (c < 0x20)
		{
			memcpy(text, "\\u00", 4);
			text[4] = hex[c >> 4];
			text[5] = hex[c & 15];
			text += 6;
			continue;
		}
		if (c == '"' || c == '\\')
			*text++ = '\\';
		*text++ = (char) c;
	}
	*text++ = '"';
	return text;
}

static char *
write_value(char *text, const QuoteField *field, const Quote *quote)
{
	const char *member = (const char *) quote + field->offset;
	double		number;
	int64_t		integer;
	int32_t		date;

	switch (field->kind)
	{
		case QUOTE_KIND_TEXT:
			return write_string(text, member);
		case QUOTE_KIND_PRICE:
		case QUOTE_KIND_VALUE:
			memcpy(&number, member, sizeof(number));
			return json_write_number(number, text);
		case QUOTE_KIND_SHARES:
			memcpy(&integer, member, sizeof(integer));
			return json_write_integer(integer, text);
		case QUOTE_KIND_TIME:
			memcpy(&integer, member, sizeof(integer));
			*text++ = '"';
			time_to_text(integer, text);
			text += strlen(text);
			*text++ = '"';
			return text;
		case QUOTE_KIND_DATE:
			memcpy(&date, member, sizeof(date));
			*text++ = '"';
			date_to_text(date, text);
			text += strlen(text);
			*text++ = '"';
			return text;
	}
	return text;
}

size_t
quote_to_json(const Quote *quote, char *buffer)
{
	char	   *text = buffer;
	int			id;

	assert(quote_knows(quote, QUOTE_TICKER) && quote_knows(quote, QUOTE_TIME));
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		const QuoteField *field = &quote_fields[id];
		bool		is_known = quote_knows(quote, (QuoteFieldId) id);
		size_t		name_length;

		if (!is_known && id >= QUOTE_OLD_FIELD_COUNT)
			continue;
		name_length = strlen(field->name);
		*text++ = (id == 0) ? '{' : ',';
		*text++ = '"';
		memcpy(text, field->name, name_length);
		text += name_length;
		*text++ = '"';
		*text++ = ':';
		if (is_known)
			text = write_value(text, field, quote);
		else
		{
			memcpy(text, "null", 4);
			text += 4;
		}
	}
	*text++ = '}';
	*text = '\0';
	assert(text - buffer < QUOTE_JSON_SIZE);
	return (size_t) (text - buffer);
}

/* One comparison mostly: messages have their fields in order. */
static int
find_field(const char *name, size_t length, int likely)
{
	int			id;

	if (likely < QUOTE_FIELD_COUNT &&
		strlen(quote_fields[likely].name) == length &&
		memcmp(quote_fields[likely].name, name, length) == 0)
		return likely;
	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		if (strncmp(quote_fields[id].name, name, length) == 0 &&
			quote_fields[id].name[length] == '\0')
			return id;
	}
	return -1;
}

/* strcasecmp() follows the locale, and in Turkish I is no capital i. */
static bool
differs_by_case(const char *field_name, const char *name, size_t length)
{
	size_t		i;

	if (strlen(field_name) != length)
		return false;
	for (i = 0; i < length; i++)
	{
		char		c = name[i];

		if (c >= 'A' && c <= 'Z')
			c = (char) (c - 'A' + 'a');
		if (c != field_name[i])
			return false;
	}
	return true;
}

static void
refuse_case(MessageReader *reader, const char *name, size_t length)
{
	char		excerpt[EXCERPT_SIZE];
	int			id;

	for (id = 0; id < QUOTE_FIELD_COUNT; id++)
	{
		if (differs_by_case(quote_fields[id].name, name, length))
			reason_write(reader->error, QUOTE_ERROR_SIZE,
						 "key %s differs from \"%s\" only by case",
						 reason_excerpt(name, length, excerpt),
						 quote_fields[id].name);
	}
}

static void
refuse_kind(MessageReader *reader, const QuoteField *field,
			const JsonValue *value, const char *expected)
{
	char		description[JSON_DESCRIPTION_SIZE];

	reason_write(reader->error, QUOTE_ERROR_SIZE,
				 "\"%s\" is %s, %s was expected", field->name,
				 json_describe(value, description), expected);
}

static void
read_number(MessageReader *reader, QuoteFieldId id, const JsonValue *value)
{
	if (value->kind != JSON_NUMBER)
		refuse_kind(reader, &quote_fields[id], value, "a number");
	else
		quote_set_number(reader->quote, id, value->number);
}

static void
read_shares(MessageReader *reader, QuoteFieldId id, const JsonValue *value)
{
	if (value->kind != JSON_NUMBER || value->number != trunc(value->number))
		refuse_kind(reader, &quote_fields[id], value,
					"a whole number of shares");
	else if (value->number < -0x1p63 || value->number >= 0x1p63)
		refuse_kind(reader, &quote_fields[id], value,
					"a number of 64 bits");
	else
		quote_set_integer(reader->quote, id, (int64_t) value->number);
}

static void
read_text(MessageReader *reader, QuoteFieldId id, const JsonValue *value)
{
	const QuoteField *field = &quote_fields[id];
	char		text[SESSION_MAX + 1];	/* the longest text field */
	char		excerpt[EXCERPT_SIZE];
	size_t		length;
	size_t		i;

	if (value->kind != JSON_STRING)
	{
		refuse_kind(reader, field, value, "a string");
		return;
	}

	length = json_unescape(value->text, value->length, text, sizeof(text));
	if (id == QUOTE_TICKER)
	{
		if (length < sizeof(text) && ticker_is_valid(text, length))
			quote_set_text(reader->quote, id, text);
		else
			refuse_kind(reader, field, value,
						"a ticker of 1 to 20 letters A-Z and digits");
		return;
	}
	if (id == QUOTE_MATCH_SIDE)
	{
		if (strcmp(text, "b") == 0 || strcmp(text, "s") == 0)
			quote_set_text(reader->quote, id, text);
		else
			refuse_kind(reader, field, value, "\"b\" or \"s\"");
		return;
	}

	if (length >= field->size)
	{
		reason_write(reader->error, QUOTE_ERROR_SIZE,
					 "\"%s\" is longer than %zu bytes: %s", field->name,
					 field->size - 1,
					 reason_excerpt(value->text, value->length, excerpt));
		return;
	}
	for (i = 0; i < length; i++)
	{
		if ((unsigned char) text[i] < 0x20 || text[i] == 0x7f)
		{
			refuse_kind(reader, field, value,
						"a string without control characters");
			return;
		}
	}
	(void) quote_set_text(reader->quote, id, text);
}

static void
read_time(MessageReader *reader, QuoteFieldId id, const JsonValue *value)
{
	const QuoteField *field = &quote_fields[id];
	char		text[TIME_TEXT_SIZE];
	size_t		length;
	int64_t		time;
	int32_t		date;

	if (value->kind != JSON_STRING)
	{
		refuse_kind(reader, field, value, field->kind == QUOTE_KIND_DATE ?
					"a date such as \"2026-08-04\"" :
					"a time such as \"2026-08-04T11:29:58.104512+07:00\"");
		return;
	}

	length = json_unescape(value->text, value->length, text, sizeof(text));
	if (field->kind == QUOTE_KIND_DATE)
	{
		if (length < sizeof(text) && date_from_text(text, length, &date))
			quote_set_integer(reader->quote, id, date);
		else
			refuse_kind(reader, field, value, "a date that exists");
	}
	else
	{
		if (length < sizeof(text) && time_from_text(text, length, &time))
			quote_set_integer(reader->quote, id, time);
		else
			refuse_kind(reader, field, value, "a time that exists");
	}
}

static void
read_member(void *context, const char *name, size_t length,
			const JsonValue *value)
{
	MessageReader *reader = context;
	int			id;

	/* Scanning goes on after a bad member, as bad JSON is the better reason. */
	if (reader->error[0] != '\0')
		return;

	id = find_field(name, length, reader->next_field);
	if (id < 0)
	{
		refuse_case(reader, name, length);
		return;
	}
	reader->next_field = id + 1;
	if (value->kind == JSON_NULL)
		return;

	switch (quote_fields[id].kind)
	{
		case QUOTE_KIND_TEXT:
			read_text(reader, (QuoteFieldId) id, value);
			break;
		case QUOTE_KIND_PRICE:
		case QUOTE_KIND_VALUE:
			read_number(reader, (QuoteFieldId) id, value);
			break;
		case QUOTE_KIND_SHARES:
			read_shares(reader, (QuoteFieldId) id, value);
			break;
		case QUOTE_KIND_TIME:
		case QUOTE_KIND_DATE:
			read_time(reader, (QuoteFieldId) id, value);
			break;
	}
}

static bool
refuse_message(char *error, const char *reason)
{
	reason_write(error, QUOTE_ERROR_SIZE, "%s", reason);
	return false;
}

bool
quote_from_message(const char *message, size_t length, Quote *quote,
				   char *error)
{
	MessageReader reader = {quote, 0, error};
	char		json_error[JSON_ERROR_SIZE];
	JsonValue	outermost;

	quote_clear(quote);
	error[0] = '\0';

	if (message == NULL)
		return refuse_message(error, "message has no value (a tombstone)");
	if (length == 0)
		return refuse_message(error, "message is empty (0 bytes)");
	if (length > QUOTE_MESSAGE_MAX)
	{
		reason_write(error, QUOTE_ERROR_SIZE,
					 "message of %zu bytes is longer than %d",
					 length, QUOTE_MESSAGE_MAX);
		return false;
	}

	if (!json_scan(message, length, read_member, &reader, &outermost.kind,
				   json_error))
	{
		reason_write(error, QUOTE_ERROR_SIZE, "message is not JSON: %s",
					 json_error);
		return false;
	}
	if (outermost.kind != JSON_OBJECT)
	{
		reason_write(error, QUOTE_ERROR_SIZE,
					 "message is %s, an object was expected",
					 json_describe_kind(outermost.kind));
		return false;
	}
	if (error[0] != '\0')
		return false;
	if (!quote_knows(quote, QUOTE_TICKER))
		return refuse_message(error, "\"ticker\" is missing");
	if (!quote_knows(quote, QUOTE_TIME))
		return refuse_message(error, "\"time\" is missing");

	/* Zeros of the old producer that mean unknown, like its price. */
	if (!quote_knows(quote, QUOTE_PRICE))
	{
		quote_forget(quote, QUOTE_VOLUME);
		quote_forget(quote, QUOTE_CHANGE);
		quote_forget(quote, QUOTE_CHANGE_PERCENT);
	}
	(void) day_forget_other_match(quote);
	return true;
}
