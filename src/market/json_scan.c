/*-------------------------------------------------------------------------
 *
 * json_scan.c
 *	  The strict scan of JSON.
 *
 * One pass over the bytes with a stack of its own, so that deep nesting costs
 * no C stack.  It builds nothing and asks for no memory: whatever it refuses
 * is refused for what the text says.
 *
 *-------------------------------------------------------------------------
 */
#include "market/json_parts.h"

#include <math.h>
#include <string.h>

#include "market/reason.h"

/* An object or array that is open. */
typedef struct JsonLevel
{
	bool		is_object;
	size_t		first_key;		/* of an object: where its keys begin */
	uint64_t	seen;			/* bit (hash % 64): some key has it */
} JsonLevel;

typedef struct JsonScan
{
	const char *start;
	const char *end;
	const char *at;
	char	   *error;
	JsonMemberCallback member;	/* or NULL */
	void	   *context;
	int			value_count;
	int			depth;
	JsonLevel	levels[JSON_MAX_DEPTH];

	/*
	 * The keys so far of all open objects, the outermost's first.  Those of an
	 * object are dropped when it closes.
	 */
	size_t		key_count;
	JsonKey		keys[JSON_MAX_KEYS];
} JsonScan;

/* Bytes that need no second look inside of a string. */
static const bool is_plain[256] = {
	[0x20 ... 0x21] = true, [0x23 ... 0x5b] = true, [0x5d ... 0x7f] = true
};

/* JSON's white space is less than isspace()'s. */
static inline void
skip_space(JsonScan *scan)
{
	while (scan->at < scan->end &&
		   (*scan->at == ' ' || *scan->at == '\n' ||
			*scan->at == '\t' || *scan->at == '\r'))
		scan->at++;
}

static size_t
offset_of(const JsonScan *scan, const char *at)
{
	return (size_t) (at - scan->start);
}

static bool
refuse_unexpected(JsonScan *scan, const char *expected)
{
	const char *word_end = scan->at;
	char		excerpt[EXCERPT_SIZE];

	if (scan->at >= scan->end)
	{
		reason_write(scan->error, JSON_ERROR_SIZE,
					 "the text ends at offset %zu, where %s was expected",
					 offset_of(scan, scan->at), expected);
		return false;
	}

	/* A word says more than its first letter: NaN, True, undefined. */
	do
		word_end++;
	while (word_end < scan->end && word_end - scan->at < 16 &&
		   memchr(" \t\r\n,:[]{}\"", *word_end, 11) == NULL);
	reason_write(scan->error, JSON_ERROR_SIZE,
				 "%s was expected at offset %zu, not %s",
				 expected, offset_of(scan, scan->at),
				 reason_excerpt(scan->at, (size_t) (word_end - scan->at),
								excerpt));
	return false;
}

static bool
refuse_escape(JsonScan *scan, const char *what, size_t length)
{
	size_t		left = (size_t) (scan->end - scan->at);
	char		excerpt[EXCERPT_SIZE];

	reason_write(scan->error, JSON_ERROR_SIZE,
				 "%s in a string at offset %zu: %s",
				 what, offset_of(scan, scan->at),
				 reason_excerpt(scan->at, length < left ? length : left,
								excerpt));
	return false;
}

/* scan->at is at a backslash. */
static bool
scan_escape(JsonScan *scan)
{
	const char *at = scan->at;
	int			unit;

	if (scan->end - at < 2)
		return refuse_escape(scan, "incomplete escape", 1);
	if (at[1] != 'u')
	{
		if (memchr("\"\\/bfnrt", at[1], 8) == NULL)
			return refuse_escape(scan, "unknown escape", 2);
		scan->at += 2;
		return true;
	}

	unit = json_hex_escape(at + 2, scan->end);
	if (unit < 0)
		return refuse_escape(scan, "incomplete escape", 6);
	if (unit == 0)
		return refuse_escape(scan, "zero character", 6);
	if (unit >= 0xd800 && unit <= 0xdfff)
	{
		int			low = -1;

		if (unit < 0xdc00 && scan->end - at >= 12 &&
			at[6] == '\\' && at[7] == 'u')
			low = json_hex_escape(at + 8, scan->end);
		if (low < 0xdc00 || low > 0xdfff)
			return refuse_escape(scan, "half of a surrogate pair", 6);
		scan->at += 6;
	}
	scan->at += 6;
	return true;
}

/* scan->at is at the opening quote, and afterwards behind the closing one. */
static bool
scan_string(JsonScan *scan, bool *has_escape)
{
	const char *start = scan->at;

	*has_escape = false;
	scan->at++;
	for (;;)
	{
		size_t		length;

		while (scan->at < scan->end && is_plain[(unsigned char) *scan->at])
			scan->at++;
		if (scan->at >= scan->end)
		{
			reason_write(scan->error, JSON_ERROR_SIZE,
						 "the string that begins at offset %zu does not end",
						 offset_of(scan, start));
			return false;
		}
		if (*scan->at == '"')
		{
			scan->at++;
			return true;
		}
		if (*scan->at == '\\')
		{
			*has_escape = true;
			if (!scan_escape(scan))
				return false;
			continue;
		}
		if ((unsigned char) *scan->at < 0x20)
		{
			reason_write(scan->error, JSON_ERROR_SIZE,
						 "control character \\x%02x in a string at offset %zu",
						 (unsigned char) *scan->at, offset_of(scan, scan->at));
			return false;
		}
		length = utf8_length(scan->at, (size_t) (scan->end - scan->at));
		if (length == 0)
		{
			reason_write(scan->error, JSON_ERROR_SIZE,
						 "invalid UTF-8 at offset %zu (byte \\x%02x)",
						 offset_of(scan, scan->at), (unsigned char) *scan->at);
			return false;
		}
		scan->at += length;
	}
}

static bool
refuse_duplicate(JsonScan *scan, const JsonKey *earlier, const JsonKey *later)
{
	/* The one without escapes is the one that a reader knows. */
	const JsonKey *named = earlier->has_escape ? later : earlier;
	char		excerpt[EXCERPT_SIZE];

	reason_write(scan->error, JSON_ERROR_SIZE,
				 "key %s is there twice, at offsets %zu and %zu",
				 reason_excerpt(named->text, named->length, excerpt),
				 offset_of(scan, earlier->text - 1),
				 offset_of(scan, later->text - 1));
	return false;
}

/* A key and its colon. */
static bool
scan_key(JsonScan *scan)
{
	JsonLevel  *level = &scan->levels[scan->depth - 1];
	JsonKey    *key;
	uint64_t	bit;

	skip_space(scan);
	if (scan->at >= scan->end || *scan->at != '"')
		return refuse_unexpected(scan, "a key in double quotes");
	if (scan->key_count == JSON_MAX_KEYS)
	{
		reason_write(scan->error, JSON_ERROR_SIZE,
					 "more than %d keys, at offset %zu",
					 JSON_MAX_KEYS, offset_of(scan, scan->at));
		return false;
	}

	key = &scan->keys[scan->key_count];
	key->text = scan->at + 1;
	if (!scan_string(scan, &key->has_escape))
		return false;
	key->length = (size_t) (scan->at - 1 - key->text);
	key->hash = json_key_hash(key);

	/* Most keys need no comparing: no earlier one has their bit. */
	bit = UINT64_C(1) << (key->hash & 63);
	if (level->seen & bit)
	{
		size_t		i;

		for (i = level->first_key; i < scan->key_count; i++)
		{
			if (json_key_equals(&scan->keys[i], key))
				return refuse_duplicate(scan, &scan->keys[i], key);
		}
	}
	level->seen |= bit;
	scan->key_count++;

	skip_space(scan);
	if (scan->at >= scan->end || *scan->at != ':')
		return refuse_unexpected(scan, "\":\"");
	scan->at++;
	return true;
}

static bool
refuse_number(JsonScan *scan, const char *start, const char *what)
{
	size_t		length = (size_t) (scan->at - start);
	bool		is_long = length > 40;
	char		name[EXCERPT_SIZE] = "";

	reason_write(scan->error, JSON_ERROR_SIZE, "number %.*s%s",
				 (int) (is_long ? 40 : length), start, is_long ? "..." : "");
	if (scan->key_count > 0)
	{
		/* The last one whose value is still open: its own, or its array's. */
		const JsonKey *key = &scan->keys[scan->key_count - 1];

		reason_append(scan->error, JSON_ERROR_SIZE, " of %s",
					  reason_excerpt(key->text, key->length, name));
	}
	reason_append(scan->error, JSON_ERROR_SIZE, " at offset %zu %s",
				  offset_of(scan, start), what);
	return false;
}

/* One digit or more. */
static bool
scan_digits(JsonScan *scan)
{
	if (scan->at >= scan->end || !is_digit(*scan->at))
		return refuse_unexpected(scan, "a digit");
	while (scan->at < scan->end && is_digit(*scan->at))
		scan->at++;
	return true;
}

/* scan->at is at a minus or a digit. */
static bool
scan_number(JsonScan *scan, double *value)
{
	const char *start = scan->at;
	const char *digits;
	size_t		digit_count;
	bool		is_integer = true;
	bool		is_zero;

	if (*scan->at == '-')
		scan->at++;
	digits = scan->at;
	if (!scan_digits(scan))
		return false;
	digit_count = (size_t) (scan->at - digits);
	if (*digits == '0' && digit_count > 1)
		return refuse_number(scan, start, "begins with a zero");

	if (scan->at < scan->end && *scan->at == '.')
	{
		is_integer = false;
		scan->at++;
		if (!scan_digits(scan))
			return false;
	}
	if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E'))
	{
		is_integer = false;
		scan->at++;
		if (scan->at < scan->end && (*scan->at == '-' || *scan->at == '+'))
			scan->at++;
		if (!scan_digits(scan))
			return false;
	}

	if (scan->at - start > JSON_MAX_NUMBER)
		return refuse_number(scan, start, "is too long");
	if (is_integer && digit_count > JSON_EXACT_DIGITS &&
		!json_integer_is_exact(digits, digit_count))
		return refuse_number(scan, start,
							 "would be changed by being read as a double");
	*value = json_number_value(start, scan->at, &is_zero);
	if (isinf(*value))
		return refuse_number(scan, start, "is more than a double can hold");
	if (*value == 0 && !is_zero)
		return refuse_number(scan, start, "is less than a double can hold");
	return true;
}

static bool
scan_word(JsonScan *scan, const char *word, size_t length, JsonKind kind,
		  JsonValue *value)
{
	value->kind = kind;
	if ((size_t) (scan->end - scan->at) < length ||
		memcmp(scan->at, word, length) != 0)
		return refuse_unexpected(scan, "a value");
	scan->at += length;
	return true;
}

/* An opening bracket, and the closing one where nothing is between them. */
static bool
scan_opening(JsonScan *scan, JsonValue *value, bool *is_open)
{
	bool		is_object = (*scan->at == '{');
	JsonLevel  *level;

	value->kind = is_object ? JSON_OBJECT : JSON_ARRAY;
	if (scan->depth == JSON_MAX_DEPTH)
	{
		reason_write(scan->error, JSON_ERROR_SIZE,
					 "nested deeper than %d levels, at offset %zu",
					 JSON_MAX_DEPTH, offset_of(scan, scan->at));
		return false;
	}
	scan->at++;
	skip_space(scan);
	if (scan->at < scan->end && *scan->at == (is_object ? '}' : ']'))
	{
		scan->at++;
		return true;
	}

	level = &scan->levels[scan->depth++];
	level->is_object = is_object;
	level->first_key = scan->key_count;
	level->seen = 0;
	*is_open = true;
	return true;
}

/* One value, or the opening of one that has others in it. */
static bool
scan_value(JsonScan *scan, JsonValue *value, bool *is_open)
{
	*is_open = false;
	skip_space(scan);
	if (scan->at >= scan->end)
		return refuse_unexpected(scan, "a value");
	if (scan->value_count++ == JSON_MAX_VALUES)
	{
		reason_write(scan->error, JSON_ERROR_SIZE,
					 "more than %d values, at offset %zu",
					 JSON_MAX_VALUES, offset_of(scan, scan->at));
		return false;
	}
	switch (*scan->at)
	{
		case '{':
		case '[':
			return scan_opening(scan, value, is_open);
		case '"':
			value->kind = JSON_STRING;
			value->text = scan->at + 1;
			if (!scan_string(scan, &value->has_escape))
				return false;
			value->length = (size_t) (scan->at - 1 - value->text);
			return true;
		case 't':
			return scan_word(scan, "true", 4, JSON_TRUE, value);
		case 'f':
			return scan_word(scan, "false", 5, JSON_FALSE, value);
		case 'n':
			return scan_word(scan, "null", 4, JSON_NULL, value);
		default:
			if (*scan->at != '-' && !is_digit(*scan->at))
				return refuse_unexpected(scan, "a value");
			value->kind = JSON_NUMBER;
			return scan_number(scan, &value->number);
	}
}

/* Give out a member of the outermost object; the last key is its. */
static void
report_member(JsonScan *scan, const JsonValue *value)
{
	const JsonKey *key = &scan->keys[scan->key_count - 1];
	const char *name = key->text;
	size_t		length = key->length;
	char		unescaped[JSON_NAME_SIZE];

	if (key->has_escape)
	{
		length = json_unescape(key->text, key->length, unescaped,
							   sizeof(unescaped));

		/* No name that anyone asks for is longer. */
		if (length >= sizeof(unescaped))
			return;
		name = unescaped;
	}
	scan->member(scan->context, name, length, value);
}

/* Close what ends after a value, up to where the next value begins. */
static bool
scan_after_value(JsonScan *scan, bool *is_done)
{
	for (;;)
	{
		const JsonLevel *level;

		skip_space(scan);
		if (scan->depth == 0)
		{
			*is_done = true;
			return scan->at == scan->end ||
				refuse_unexpected(scan, "the end of the text");
		}

		level = &scan->levels[scan->depth - 1];
		if (scan->at < scan->end && *scan->at == ',')
		{
			scan->at++;
			return !level->is_object || scan_key(scan);
		}
		if (scan->at >= scan->end ||
			*scan->at != (level->is_object ? '}' : ']'))
			return refuse_unexpected(scan, level->is_object ?
									 "\",\" or \"}\"" : "\",\" or \"]\"");
		scan->at++;
		scan->key_count = level->first_key;
		scan->depth--;
	}
}

bool
json_scan(const char *text, size_t length, JsonMemberCallback member,
		  void *context, JsonKind *kind, char *error)
{
	JsonScan	scan;
	JsonValue	value;
	bool		is_open;
	bool		is_done = false;

	scan.start = text;
	scan.end = text + length;
	scan.at = text;
	scan.error = error;
	scan.member = member;
	scan.context = context;
	scan.value_count = 0;
	scan.depth = 0;
	scan.key_count = 0;
	error[0] = '\0';
	*kind = JSON_NULL;

	while (!is_done)
	{
		int			depth = scan.depth;

		if (!scan_value(&scan, &value, &is_open))
			return false;
		if (depth == 0)
			*kind = value.kind;
		else if (depth == 1 && scan.levels[0].is_object && member != NULL)
			report_member(&scan, &value);

		if (!is_open)
		{
			if (!scan_after_value(&scan, &is_done))
				return false;
		}
		else if (scan.levels[scan.depth - 1].is_object && !scan_key(&scan))
			return false;
	}
	return true;
}

bool
json_check(const char *text, size_t length, char *error)
{
	JsonKind	kind;

	return json_scan(text, length, NULL, NULL, &kind, error);
}
