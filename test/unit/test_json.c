/*-------------------------------------------------------------------------
 *
 * test_json.c
 *	  The strict scan of JSON, array elements, and numbers.
 *
 *-------------------------------------------------------------------------
 */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/json.h"
#include "market/reason.h"
#include "test.h"

/* A literal with its length, as there may be zero bytes in it. */
#define TEXT(literal) literal, sizeof(literal) - 1

static void
accepts(const char *text, size_t length)
{
	char	   *copy = exact_copy(text, length);
	char		error[JSON_ERROR_SIZE] = "";
	char		excerpt[EXCERPT_SIZE];
	cJSON	   *value;

	ok(json_check(copy, length, error), "accepted: %s",
	   reason_excerpt(text, length, excerpt));
	if (error[0] != '\0')
		diag("%s", error);
	value = json_parse(copy, length, error);
	ok(value != NULL, "and parsed");
	cJSON_Delete(value);
	free(copy);
}

/* Reasons are plain ASCII in one line, whatever was in the text. */
static bool
is_plain_sentence(const char *error)
{
	for (; *error != '\0'; error++)
	{
		if (*error < 0x20 || *error > 0x7e)
			return false;
	}
	return true;
}

static void
refuses(const char *text, size_t length, const char *reason)
{
	char	   *copy = exact_copy(text, length);
	char		error[JSON_ERROR_SIZE] = "";
	bool		is_good = json_check(copy, length, error);

	free(copy);
	if (is_good)
		ok(false, "refused: %s", reason);
	else
		is_text(error, reason, "refused: %s", reason);
	ok(is_plain_sentence(error), "in plain ASCII");
}

static void
test_grammar(void)
{
	accepts(TEXT("{}"));
	accepts(TEXT(" \t\r\n[ ] \n"));
	accepts(TEXT("null"));
	accepts(TEXT("true"));
	accepts(TEXT("false"));
	accepts(TEXT("\"\""));
	accepts(TEXT("[1,[2,{\"a\":[{}]}],\"x\"]"));
	accepts(TEXT("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}"));

	refuses(TEXT(""), "the text ends at offset 0, where a value was expected");
	refuses(TEXT("  "), "the text ends at offset 2, where a value was expected");
	refuses(TEXT("rubbish"), "a value was expected at offset 0, not \"rubbish\"");
	refuses(TEXT("True"), "a value was expected at offset 0, not \"True\"");
	refuses(TEXT("nul"), "a value was expected at offset 0, not \"nul\"");
	refuses(TEXT("[1,]"), "a value was expected at offset 3, not \"]\"");
	refuses(TEXT("[1 2]"), "\",\" or \"]\" was expected at offset 3, not \"2\"");
	refuses(TEXT("[1"), "the text ends at offset 2, where \",\" or \"]\" was expected");
	refuses(TEXT("[1}"), "\",\" or \"]\" was expected at offset 2, not \"}\"");
	refuses(TEXT("{\"a\":1]"), "\",\" or \"}\" was expected at offset 6, not \"]\"");
	refuses(TEXT("{\"a\" 1}"), "\":\" was expected at offset 5, not \"1\"");
	refuses(TEXT("{\"a\":}"), "a value was expected at offset 5, not \"}\"");
	refuses(TEXT("{\"a\":1,}"), "a key in double quotes was expected at offset 7, not \"}\"");
	refuses(TEXT("{a:1}"), "a key in double quotes was expected at offset 1, not \"a\"");
	refuses(TEXT("{'a':1}"), "a key in double quotes was expected at offset 1, not \"'a'\"");
	refuses(TEXT("{\"a\":1"), "the text ends at offset 6, where \",\" or \"}\" was expected");
	refuses(TEXT("{\"a\":1} x"), "the end of the text was expected at offset 8, not \"x\"");
	refuses(TEXT("{}{}"), "the end of the text was expected at offset 2, not \"{\"");
	refuses(TEXT("1 /* c */"), "the end of the text was expected at offset 2, not \"/*\"");
	refuses(TEXT("{}\0"), "the end of the text was expected at offset 2, not \"\\x00\"");
	refuses(TEXT("\0"), "a value was expected at offset 0, not \"\\x00\"");
	refuses(TEXT("\xef\xbb\xbf{}"), "a value was expected at offset 0, not \"\\ufeff\"");
	refuses(TEXT("[1,\f2]"), "a value was expected at offset 3, not \"\\x0c2\"");
}

static void
test_strings(void)
{
	accepts(TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u00e9\\uD83D\\uDE00\""));
	accepts(TEXT("\"Ng\xc3\xa2n h\xc3\xa0ng \xe1\xba\xa1 \xf0\x9f\x98\x80 \x7f\""));
	accepts(TEXT("\"\xf4\x8f\xbf\xbf\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80\""));

	refuses(TEXT("\"abc"), "the string that begins at offset 0 does not end");
	refuses(TEXT("[\"abc\\\"]"), "the string that begins at offset 1 does not end");
	refuses(TEXT("\"a\nb\""), "control character \\x0a in a string at offset 2");
	refuses(TEXT("\"a\0b\""), "control character \\x00 in a string at offset 2");
	refuses(TEXT("\"\x1f\""), "control character \\x1f in a string at offset 1");
	refuses(TEXT("\"\\u0000\""), "zero character in a string at offset 1: \"\\\\u0000\"");
	refuses(TEXT("\"\\x\""), "unknown escape in a string at offset 1: \"\\\\x\"");
	refuses(TEXT("\"\\\0\""), "unknown escape in a string at offset 1: \"\\\\\\x00\"");
	refuses(TEXT("\"\\u12\""), "incomplete escape in a string at offset 1: \"\\\\u12\\\"\"");
	refuses(TEXT("\"\\u12g4\""), "incomplete escape in a string at offset 1: \"\\\\u12g4\"");
	refuses(TEXT("\"\\"), "incomplete escape in a string at offset 1: \"\\\\\"");
	refuses(TEXT("\"\\ud800\""), "half of a surrogate pair in a string at offset 1: \"\\\\ud800\"");
	refuses(TEXT("\"\\udc00\""), "half of a surrogate pair in a string at offset 1: \"\\\\udc00\"");
	refuses(TEXT("\"\\ud800\\u0041\""), "half of a surrogate pair in a string at offset 1: \"\\\\ud800\"");
	refuses(TEXT("\"\\ud800\\ud800\""), "half of a surrogate pair in a string at offset 1: \"\\\\ud800\"");

	refuses(TEXT("\"\xff\""), "invalid UTF-8 at offset 1 (byte \\xff)");
	refuses(TEXT("\"\x80\""), "invalid UTF-8 at offset 1 (byte \\x80)");
	refuses(TEXT("\"\xc3\""), "invalid UTF-8 at offset 1 (byte \\xc3)");
	refuses(TEXT("\"\xc0\x80\""), "invalid UTF-8 at offset 1 (byte \\xc0)");
	refuses(TEXT("\"\xc1\xbf\""), "invalid UTF-8 at offset 1 (byte \\xc1)");
	refuses(TEXT("\"\xe0\x9f\xbf\""), "invalid UTF-8 at offset 1 (byte \\xe0)");
	refuses(TEXT("\"\xed\xa0\x80\""), "invalid UTF-8 at offset 1 (byte \\xed)");
	refuses(TEXT("\"\xf0\x8f\xbf\xbf\""), "invalid UTF-8 at offset 1 (byte \\xf0)");
	refuses(TEXT("\"\xf4\x90\x80\x80\""), "invalid UTF-8 at offset 1 (byte \\xf4)");
	refuses(TEXT("\"\xf5\x80\x80\x80\""), "invalid UTF-8 at offset 1 (byte \\xf5)");
	refuses(TEXT("\"\xe1\xba"), "invalid UTF-8 at offset 1 (byte \\xe1)");
	refuses(TEXT("\"\xe1\xba\x41\""), "invalid UTF-8 at offset 1 (byte \\xe1)");
	refuses(TEXT("\"\xf0\x9f\x98\""), "invalid UTF-8 at offset 1 (byte \\xf0)");
}

static void
test_numbers(void)
{
	accepts(TEXT("[0,-0,0.0,-0.5,1e5,1E+5,1.5e-5,123456789012345]"));
	accepts(TEXT("9007199254740992"));
	accepts(TEXT("9217126554917738496"));
	accepts(TEXT("-9223372036854775808"));
	accepts(TEXT("10000000000000000000000"));
	accepts(TEXT("1.7976931348623157e308"));
	accepts(TEXT("0.00000000001797693134862315e319"));
	accepts(TEXT("5e-324"));
	accepts(TEXT("0e999999999999999999999"));
	accepts(TEXT("0.0e-400"));
	accepts(TEXT("0.1234567890123456789012345678901234567890"));

	refuses(TEXT("{\"price\":1e400}"),
			"number 1e400 of \"price\" at offset 9 is more than a double can hold");
	refuses(TEXT("{\"price\":[{\"x\":1},-1e309]}"),
			"number -1e309 of \"price\" at offset 18 is more than a double can hold");
	refuses(TEXT("{\"price\":1e-400}"),
			"number 1e-400 of \"price\" at offset 9 is less than a double can hold");
	refuses(TEXT("1e99999999999999999999"),
			"number 1e99999999999999999999 at offset 0 is more than a double can hold");
	refuses(TEXT("1.7976931348623159e308"),
			"number 1.7976931348623159e308 at offset 0 is more than a double can hold");
	refuses(TEXT("{\"volume\":9007199254740993}"),
			"number 9007199254740993 of \"volume\" at offset 10 would be changed by being read as a double");
	refuses(TEXT("{\"volume\":-9007199254740993}"),
			"number -9007199254740993 of \"volume\" at offset 10 would be changed by being read as a double");
	refuses(TEXT("9223372036854775807"),
			"number 9223372036854775807 at offset 0 would be changed by being read as a double");
	refuses(TEXT("100000000000000000000000"),
			"number 100000000000000000000000 at offset 0 would be changed by being read as a double");
	refuses(TEXT("1000000000000000000000000000000000000000000000000000000000000000"),
			"number 1000000000000000000000000000000000000000... at offset 0 is too long");
	refuses(TEXT("007"), "number 007 at offset 0 begins with a zero");
	refuses(TEXT("-01"), "number -01 at offset 0 begins with a zero");
	refuses(TEXT("-"), "the text ends at offset 1, where a digit was expected");
	refuses(TEXT("+1"), "a value was expected at offset 0, not \"+1\"");
	refuses(TEXT(".5"), "a value was expected at offset 0, not \".5\"");
	refuses(TEXT("[1.]"), "a digit was expected at offset 3, not \"]\"");
	refuses(TEXT("[1.e5]"), "a digit was expected at offset 3, not \"e5\"");
	refuses(TEXT("1e"), "the text ends at offset 2, where a digit was expected");
	refuses(TEXT("1e+"), "the text ends at offset 3, where a digit was expected");
	refuses(TEXT("[1,5]x"), "the end of the text was expected at offset 5, not \"x\"");
	refuses(TEXT("0x1F"), "the end of the text was expected at offset 1, not \"x1F\"");
	refuses(TEXT("{\"price\":NaN}"), "a value was expected at offset 9, not \"NaN\"");
	refuses(TEXT("[-Infinity]"), "a digit was expected at offset 2, not \"Infinity\"");
}

static void
test_keys(void)
{
	accepts(TEXT("{\"a\":1,\"A\":2,\"\":3,\"a \":4}"));
	accepts(TEXT("{\"bid_volume_2\":1,\"bid_volume_3\":2,\"bid_volume_\\u0034\":3}"));
	accepts(TEXT("{\"abcdefgh-1-abcdefgh\":1,\"abcdefgh-2-abcdefgh\":2}"));
	accepts(TEXT("{\"\\ud83d\\ude00\":1,\"\\ud83d\\ude01\":2}"));

	refuses(TEXT("{\"price\":1,\"volume\":2,\"price\":3}"),
			"key \"price\" is there twice, at offsets 1 and 22");
	refuses(TEXT("{\"a\":1,\"\\u0061\":2}"),
			"key \"a\" is there twice, at offsets 1 and 7");
	refuses(TEXT("{\"\\u0061\":1,\"a\":2}"),
			"key \"a\" is there twice, at offsets 1 and 12");
	refuses(TEXT("{\"total_volume\":1,\"total\\u005fvolume\":2}"),
			"key \"total_volume\" is there twice, at offsets 1 and 18");
	refuses(TEXT("{\"\\u006E\\n\":1,\"n\\u000a\":2}"),
			"key \"n\\\\u000a\" is there twice, at offsets 1 and 14");
	refuses(TEXT("{\"\xf0\x9f\x98\x80\":1,\"\\ud83d\\ude00\":2}"),
			"key \"\\u1f600\" is there twice, at offsets 1 and 10");
	refuses(TEXT("{\"gi\xc3\xa1\":1,\"gi\\u00e1\":2}"),
			"key \"gi\\u00e1\" is there twice, at offsets 1 and 10");
	refuses(TEXT("{\"\xe1\xba\xa1\":1,\"\\u1ea1\":2}"),
			"key \"\\u1ea1\" is there twice, at offsets 1 and 9");
	refuses(TEXT("{\"\xe0\xa4\x95\":1,\"\\u0915\":2}"),
			"key \"\\u0915\" is there twice, at offsets 1 and 9");
	refuses(TEXT("{\"\":1,\"\":2}"),
			"key \"\" is there twice, at offsets 1 and 6");
	refuses(TEXT("[{\"a\":{\"b\":1,\"c\":{},\"b\":2}}]"),
			"key \"b\" is there twice, at offsets 7 and 20");
}

/* Objects of count keys, the last one like the one numbered twin. */
static char *
many_keys(int count, int twin)
{
	char	   *text = malloc((size_t) count * 16 + 16);
	char	   *at = text;
	int			i;

	*at++ = '{';
	for (i = 0; i < count; i++)
		at += sprintf(at, "%s\"key_%d\":%d", i == 0 ? "" : ",",
					  i == count - 1 ? twin : i, i);
	strcpy(at, "}");
	return text;
}

static void
test_bounds(void)
{
	char		error[JSON_ERROR_SIZE];
	char	   *text;
	size_t		i;
	int			count;

	/* 20,000 levels, of each bracket and both. */
	text = malloc(120001);
	memset(text, '[', 20000);
	refuses(text, 20000, "nested deeper than 32 levels, at offset 32");
	for (i = 0; i < 20000; i++)
		memcpy(text + i * 6, "{\"a\":[", 6);
	refuses(text, 120000, "nested deeper than 32 levels, at offset 96");
	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	accepts(text, 2 * JSON_MAX_DEPTH);
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	refuses(text, 2 * JSON_MAX_DEPTH + 2,
			"nested deeper than 32 levels, at offset 32");
	free(text);

	/* Each pair of keys of a board's largest object is compared. */
	for (count = 2; count <= 46; count++)
	{
		int			twin;
		int			found = 0;

		text = many_keys(count, count - 1);
		if (!json_check(text, strlen(text), error))
			ok(false, "%d different keys: %s", count, error);
		free(text);
		for (twin = 0; twin < count - 1; twin++)
		{
			text = many_keys(count, twin);
			found += !json_check(text, strlen(text), error);
			free(text);
		}
		is_integer(found, count - 1, "the last of %d keys has a twin", count);
	}

	text = many_keys(JSON_MAX_KEYS, JSON_MAX_KEYS - 1);
	ok(json_check(text, strlen(text), error), "%d keys", JSON_MAX_KEYS);
	free(text);
	text = many_keys(JSON_MAX_KEYS, 17);
	ok(!json_check(text, strlen(text), error), "and one of them twice");
	has_text(error, "key \"key_17\" is there twice", "which is named");
	free(text);
	text = many_keys(JSON_MAX_KEYS + 1, JSON_MAX_KEYS);
	ok(!json_check(text, strlen(text), error), "one key more");
	has_text(error, "more than 512 keys, at offset", "is refused for it");
	free(text);

	/* An array of one value less than may be, itself counted, and one of as many. */
	text = malloc(JSON_MAX_VALUES * 2 + 2);
	for (i = 0; i < JSON_MAX_VALUES; i++)
		memcpy(text + i * 2, i == 0 ? "[1" : ",1", 2);
	strcpy(text + (JSON_MAX_VALUES - 1) * 2, "]");
	ok(json_check(text, strlen(text), error), "%d values", JSON_MAX_VALUES);
	strcpy(text + (JSON_MAX_VALUES - 1) * 2, ",1]");
	ok(!json_check(text, strlen(text), error), "one value more");
	has_text(error, "more than 100000 values, at offset 199999", "is refused for it");
	ok(json_parse(text, strlen(text), error) == NULL, "before a tree is built");
	free(text);

	/* A key of 100,000 bytes is quoted in part only. */
	text = malloc(300000);
	strcpy(text, "{\"");
	memset(text + 2, '\xc3', 100000);
	for (i = 0; i < 50000; i++)
		text[3 + i * 2] = '\xa1';
	sprintf(text + 100002, "\":1,");
	memcpy(text + 100006, text + 1, 100004);
	strcpy(text + 200010, "}");
	ok(!json_check(text, strlen(text), error), "a long key twice");
	has_text(error, "\\u00e1...\" is there twice", "is cut in the reason");
	ok(is_plain_sentence(error), "in plain ASCII");
	free(text);
}

typedef struct Collected
{
	char		text[512];
} Collected;

static void
collect(void *context, const char *name, size_t length, const JsonValue *value)
{
	Collected  *collected = context;
	char		description[JSON_DESCRIPTION_SIZE];

	reason_append(collected->text, sizeof(collected->text), "%.*s=%s ",
				  (int) length, name, json_describe(value, description));
}

static void
test_members(void)
{
	static const char text[] =
		" {\"a\":1.5,\"b\":\"x\\ty\",\"c\":{\"d\":1,\"e\":[{\"f\":2}]},\"g\":[1],"
		"\"\\u0068\":null,\"i\":true,\"j\":false,\"k\":{}} ";
	Collected	collected = {""};
	JsonKind	kind;
	char		error[JSON_ERROR_SIZE];
	char		buffer[8];

	ok(json_scan(text, strlen(text), collect, &collected, &kind, error),
	   "an object is scanned");
	is_integer(kind, JSON_OBJECT, "as an object");
	is_text(collected.text,
			"a=a number (1.5) b=a string (\"x\\\\ty\") c=an object g=an array "
			"h=null i=true j=false k=an object ",
			"giving out its own members only");

	collected.text[0] = '\0';
	ok(json_scan(TEXT("[{\"a\":1}]"), collect, &collected, &kind, error) &&
	   kind == JSON_ARRAY && collected.text[0] == '\0',
	   "an array has no members");
	ok(json_scan(TEXT("7"), collect, &collected, &kind, error) &&
	   kind == JSON_NUMBER, "nor has a number");

	is_integer((int64_t) json_unescape(TEXT("a\\n\\u00e1\\\"\\/"), buffer,
									   sizeof(buffer)), 6,
			   "escapes resolve to six bytes");
	is_text(buffer, "a\n\xc3\xa1\"/", "which are these");
	is_integer((int64_t) json_unescape(TEXT("12345678"), buffer, sizeof(buffer)),
			   8, "eight bytes do not fit in eight");
	is_text(buffer, "1234567", "so the last is not there");
}

static void
test_cjson(void)
{
	char		error[JSON_ERROR_SIZE];
	cJSON	   *object = json_parse(TEXT("{\"PRICE\":1,\"price\":2}"), error);

	is_number(json_member(object, "price")->valuedouble, 2,
			  "members are found by their case");
	ok(json_member(object, "Price") == NULL, "and no other");
	cJSON_Delete(object);
	ok(json_parse(TEXT("{\"a\":1e400}"), error) == NULL,
	   "what the check refuses is not parsed");
	has_text(error, "1e400", "and the reason is the check's");
}

static void
test_array(void)
{
	static const char *const broken[][2] = {
		{"[{\"a\":1},{\"b\"", "the array is cut off after 13 bytes"},
		{"[{\"a\":1}", "the array is cut off after 8 bytes"},
		{"[", "the array is cut off after 1 bytes"},
		{"[1,", "the array is cut off after 3 bytes"},
		{"[1,\"a\\", "the array is cut off after 6 bytes"},
		{"[1] x", "the array is malformed at offset 4: \"x\""},
		{"[1,]", "the array is malformed at offset 3: \"]\""},
		{"[,1]", "the array is malformed at offset 1: \",1]\""},
		{"[1}", "the array is malformed at offset 2: \"}\""},
		{"[{}]]", "the array is malformed at offset 4: \"]\""}
	};
	static const char text[] =
		" [ {\"a\":\"]},[{\\\"\"} , 007,[1,[2]],\"x\" ] ";
	static const char *const expected[] = {
		"{\"a\":\"]},[{\\\"\"} ", "007", "[1,[2]]", "\"x\" "
	};
	JsonArray	array;
	const char *element;
	size_t		length;
	char		error[JSON_ERROR_SIZE];
	size_t		i;

	ok(json_array_begin(&array, text, strlen(text)), "an array begins");
	for (i = 0; i < 4; i++)
	{
		char		got[64] = "";

		if (json_array_next(&array, &element, &length, error) == JSON_STEP_ELEMENT)
			snprintf(got, sizeof(got), "%.*s", (int) length, element);
		is_text(got, expected[i], "element %zu, good or bad", i + 1);
	}
	is_integer(json_array_next(&array, &element, &length, error), JSON_STEP_END,
			   "and ends");

	ok(json_array_begin(&array, TEXT("[ ]")), "an empty array begins");
	is_integer(json_array_next(&array, &element, &length, error), JSON_STEP_END,
			   "and ends");
	ok(json_array_begin(&array, TEXT("[1,{\"a\"")), "an array begins");
	ok(json_array_next(&array, &element, &length, error) == JSON_STEP_ELEMENT &&
	   json_array_next(&array, &element, &length, error) == JSON_STEP_BROKEN,
	   "what is cut off is no element");
	ok(!json_array_begin(&array, TEXT("{}")), "an object is no array");
	ok(!json_array_begin(&array, TEXT("")), "nor is nothing");

	for (i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
	{
		size_t		text_length = strlen(broken[i][0]);
		char	   *copy = exact_copy(broken[i][0], text_length);
		JsonStep	step;

		json_array_begin(&array, copy, text_length);
		while ((step = json_array_next(&array, &element, &length, error)) ==
			   JSON_STEP_ELEMENT)
			;
		ok(step == JSON_STEP_BROKEN, "broken: %s", broken[i][0]);
		is_text(error, broken[i][1], "and why");
		free(copy);
	}
}

static void
writes(double value, const char *expected)
{
	char		text[JSON_NUMBER_SIZE];

	ok(json_write_number(value, text) == text + strlen(text),
	   "the end of %s is found", expected);
	is_text(text, expected, "%s is written", expected);
}

static uint64_t random_state = 42;

static uint64_t
random_bits(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void
collect_number(void *context, const char *name, size_t length,
			   const JsonValue *value)
{
	(void) name;
	(void) length;
	*(double *) context = value->number;
}

/* Written and read back by the scan and by strtod() alike. */
static bool
survives(double value)
{
	char		text[JSON_NUMBER_SIZE + 8] = "{\"a\":";
	char		error[JSON_ERROR_SIZE];
	char	   *end = json_write_number(value, text + 5);
	double		read = NAN;
	JsonKind	kind;
	bool		is_good;

	is_good = end - text < JSON_NUMBER_SIZE + 5;
	strcpy(end, "}");
	is_good = is_good &&
		json_scan(text, strlen(text), collect_number, &read, &kind, error) &&
		read == value && strtod(text + 5, NULL) == value;
	if (!is_good)
		diag("%.17g is written as %s, read as %.17g", value, text, read);
	return is_good;
}

static void
test_writing(void)
{
	char		text[JSON_NUMBER_SIZE];
	int			good = 0;
	int			i;

	writes(60000, "60000");
	writes(-800, "-800");
	writes(0, "0");
	writes(-0.0, "0");
	writes(15.47, "15.47");
	writes(-1.315789, "-1.315789");
	writes(0.1, "0.1");
	writes(0.1 + 0.2, "0.30000000000000004");
	writes(112945040000, "112945040000");
	writes(9007199254740992, "9007199254740992");
	writes(1e300, "1e+300");
	writes(1e-7, "1e-07");
	writes(-1.7976931348623157e308, "-1.7976931348623157e+308");
	writes(5e-324, "4.94065645841247e-324");
	writes(123456789.123456, "123456789.123456");
	writes(60173.16995205115, "60173.16995205115");

	json_write_integer(INT64_MIN, text);
	is_text(text, "-9223372036854775808", "the smallest integer");
	json_write_integer(INT64_MAX, text);
	is_text(text, "9223372036854775807", "the largest integer");

	for (i = 0; i < 300000; i++)
	{
		uint64_t	bits = random_bits();
		double		value;

		switch (i % 4)
		{
			case 0:				/* any double at all */
				memcpy(&value, &bits, sizeof(value));
				break;
			case 1:				/* up to six decimals */
				value = (double) (int64_t) (bits >> 14) / 1e6;
				break;
			case 2:				/* quotients */
				value = (double) (bits % 1000000) / (double) (bits >> 40);
				break;
			default:			/* near whole numbers */
				value = nextafter((double) (bits >> (bits & 63)),
								  bits & 1 ? INFINITY : 0);
				break;
		}
		if (!isfinite(value))
			value = 0;
		good += survives(value);
	}
	is_integer(good, 300000, "random numbers survive being written");
}

/* A locale with a decimal comma, in case the server ever has one. */
static void
test_locale(void)
{
	static const char *const names[] = {
		"de_DE.UTF-8", "vi_VN.UTF-8", "fr_FR.UTF-8", "de_DE", "vi_VN"
	};
	char		text[JSON_NUMBER_SIZE];
	size_t		i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (setlocale(LC_NUMERIC, names[i]) != NULL)
			break;
	}
	if (localeconv()->decimal_point[0] == '.')
	{
		skip("no locale with a decimal comma here");
		return;
	}
	json_write_number(0.1 + 0.2, text);
	is_text(text, "0.30000000000000004", "a decimal comma is written as a point");
	json_write_number(15.47, text);
	is_text(text, "15.47", "always");
	accepts(TEXT("1.7976931348623157e308"));
	refuses(TEXT("1.7976931348623159e308"),
			"number 1.7976931348623159e308 at offset 0 is more than a double can hold");
	setlocale(LC_NUMERIC, "C");
}

static void
test_reasons(void)
{
	char		excerpt[EXCERPT_SIZE];
	char		buffer[12];
	char		long_text[1000];

	is_text(reason_excerpt(TEXT("a\"\\\x01\x7f\xff\xc3\xa1\xe2\x80\xae\xf0\x9f\x98\x80"), excerpt),
			"\"a\\\"\\\\\\x01\\x7f\\xff\\u00e1\\u202e\\u1f600\"",
			"an excerpt is plain");
	memset(long_text, '\xff', sizeof(long_text));
	reason_excerpt(long_text, sizeof(long_text), excerpt);
	ok(strlen(excerpt) < EXCERPT_SIZE, "an excerpt has an end");
	is_text(excerpt + strlen(excerpt) - 8, "\\xff...\"", "that shows the cut");

	reason_write(buffer, sizeof(buffer), "%s", "12345678901");
	is_text(buffer, "12345678901", "what fits is whole");
	reason_write(buffer, sizeof(buffer), "%s", "123456789012");
	is_text(buffer, "12345678...", "what does not is cut");
	reason_write(buffer, sizeof(buffer), "%s", "123456");
	reason_append(buffer, sizeof(buffer), "%s", "789012");
	is_text(buffer, "12345678...", "also when added");
	reason_append(buffer, sizeof(buffer), "%s", "x");
	is_text(buffer, "12345678...", "and when full");
}

/* Every text that differs from a good one in one byte gets some answer. */
static void
test_mutations(void)
{
	size_t		length;
	char	   *text = read_fixture("vci/getList_VCB_2026-08-04_lunch.json", &length);
	char		error[JSON_ERROR_SIZE];
	size_t		i;
	int			bad_reasons = 0;
	int			disagreements = 0;

	ok(json_check(text, length, error), "a captured answer is good");
	for (i = 0; i < length; i++)
	{
		if (json_check(text, i, error) || !is_plain_sentence(error))
			bad_reasons++;
	}
	is_integer(bad_reasons, 0, "no beginning of it is good");

	for (i = 0; i < 50000; i++)
	{
		size_t		at = random_bits() % length;
		char		was = text[at];

		text[at] = (char) random_bits();
		if (json_check(text, length, error))
		{
			cJSON	   *value = cJSON_ParseWithLength(text, length);

			disagreements += (value == NULL);
			cJSON_Delete(value);
		}
		else if (error[0] == '\0' || !is_plain_sentence(error))
			bad_reasons++;
		text[at] = was;
	}
	is_integer(bad_reasons, 0, "each refusal has a plain sentence");
	is_integer(disagreements, 0, "cJSON reads all that the check accepts");
	free(text);
}

int
main(void)
{
	test_grammar();
	test_strings();
	test_numbers();
	test_keys();
	test_bounds();
	test_members();
	test_cjson();
	test_array();
	test_writing();
	test_locale();
	test_reasons();
	test_mutations();
	return done_testing();
}
