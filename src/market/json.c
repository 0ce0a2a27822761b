/*-------------------------------------------------------------------------
 *
 * json.c
 *	  Reading checked JSON with cJSON, and arrays element by element.
 *
 * cJSON reads numbers with strtod() and asks localeconv() for the decimal
 * point first, so it reads rightly under any locale that no other thread
 * changes meanwhile.  The server keeps LC_NUMERIC at "C" throughout.  cJSON
 * also notes the place of an error in a static variable, without a lock; it
 * harms no one, as nobody reads it.
 *
 *-------------------------------------------------------------------------
 */
#include "market/json.h"

#include <stdio.h>
#include <string.h>

#include "market/reason.h"

cJSON *
json_parse(const char *text, size_t length, char *error)
{
	cJSON	   *value;

	if (!json_check(text, length, error))
		return NULL;
	value = cJSON_ParseWithLength(text, length);
	if (value == NULL)
		reason_write(error, JSON_ERROR_SIZE, "out of memory");
	return value;
}

const cJSON *
json_member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *
json_describe_kind(JsonKind kind)
{
	static const char *const words[] = {
		[JSON_NULL] = "null",
		[JSON_FALSE] = "false",
		[JSON_TRUE] = "true",
		[JSON_NUMBER] = "a number",
		[JSON_STRING] = "a string",
		[JSON_ARRAY] = "an array",
		[JSON_OBJECT] = "an object"
	};

	return words[kind];
}

const char *
json_describe(const JsonValue *value, char *description)
{
	const char *words = json_describe_kind(value->kind);
	char		piece[EXCERPT_SIZE];

	if (value->kind == JSON_STRING)
		snprintf(description, JSON_DESCRIPTION_SIZE, "%s (%s)", words,
				 reason_excerpt(value->text, value->length, piece));
	else if (value->kind == JSON_NUMBER)
	{
		json_write_number(value->number, piece);
		snprintf(description, JSON_DESCRIPTION_SIZE, "%s (%s)", words, piece);
	}
	else
		strcpy(description, words);
	return description;
}

const char *
json_describe_item(const cJSON *item, char *description)
{
	JsonValue	value = {.kind = JSON_NULL};

	if (cJSON_IsString(item))
	{
		value.kind = JSON_STRING;
		value.text = item->valuestring;
		value.length = strlen(item->valuestring);
	}
	else if (cJSON_IsNumber(item))
	{
		value.kind = JSON_NUMBER;
		value.number = item->valuedouble;
	}
	else if (cJSON_IsBool(item))
		value.kind = cJSON_IsTrue(item) ? JSON_TRUE : JSON_FALSE;
	else if (cJSON_IsArray(item))
		value.kind = JSON_ARRAY;
	else if (cJSON_IsObject(item))
		value.kind = JSON_OBJECT;
	return json_describe(&value, description);
}

static void
array_skip_space(JsonArray *array)
{
	while (array->at < array->end && memchr(" \n\t\r", *array->at, 4) != NULL)
		array->at++;
}

static JsonStep
array_broken(const JsonArray *array, char *error)
{
	char		excerpt[EXCERPT_SIZE];

	if (array->at >= array->end)
		reason_write(error, JSON_ERROR_SIZE,
					 "the array is cut off after %zu bytes",
					 (size_t) (array->end - array->start));
	else
		reason_write(error, JSON_ERROR_SIZE,
					 "the array is malformed at offset %zu: %s",
					 (size_t) (array->at - array->start),
					 reason_excerpt(array->at,
									(size_t) (array->end - array->at),
									excerpt));
	return JSON_STEP_BROKEN;
}

bool
json_array_begin(JsonArray *array, const char *text, size_t length)
{
	array->start = text;
	array->end = text + length;
	array->at = text;
	array->is_first = true;
	array_skip_space(array);
	if (array->at >= array->end || *array->at != '[')
		return false;
	array->at++;
	return true;
}

/* To the comma or bracket behind the element that begins here. */
static void
array_skip_element(JsonArray *array)
{
	size_t		depth = 0;
	bool		in_string = false;
	bool		is_escaped = false;

	for (; array->at < array->end; array->at++)
	{
		char		c = *array->at;

		if (in_string)
		{
			if (is_escaped)
				is_escaped = false;
			else if (c == '\\')
				is_escaped = true;
			else if (c == '"')
				in_string = false;
		}
		else if (c == '"')
			in_string = true;
		else if (c == '[' || c == '{')
			depth++;
		else if (depth == 0 && (c == ',' || c == ']' || c == '}'))
			return;
		else if (c == ']' || c == '}')
			depth--;
	}
}

/* Past the string that begins here; false where it does not end. */
static bool
array_skip_string(JsonArray *array)
{
	for (array->at++; array->at < array->end; array->at++)
	{
		if (*array->at == '\\')
			array->at++;
		else if (*array->at == '"')
		{
			array->at++;
			return true;
		}
	}
	array->at = array->end;
	return false;
}

/* The name of a member and its colon, up to its value. */
static bool
array_skip_name(JsonArray *array, const char **name, size_t *length)
{
	array_skip_space(array);
	*name = array->at + 1;
	if (array->at >= array->end || *array->at != '"' ||
		!array_skip_string(array))
		return false;
	*length = (size_t) (array->at - 1 - *name);
	array_skip_space(array);
	if (array->at >= array->end || *array->at != ':')
		return false;
	array->at++;
	array_skip_space(array);
	return true;
}

bool
json_array_begin_member(JsonArray *array, const char *text, size_t length,
						const char *name)
{
	JsonArray	walk = {.start = text,.end = text + length,.at = text};
	const char *found = NULL;
	const char *found_end = NULL;
	const char *key;
	size_t		key_length;
	bool		is_closed = false;

	array_skip_space(&walk);
	if (walk.at >= walk.end || *walk.at != '{')
		return false;
	do
	{
		bool		is_it;

		walk.at++;
		if (!array_skip_name(&walk, &key, &key_length))
			break;
		is_it = key_length == strlen(name) && memcmp(key, name, key_length) == 0;
		/* of two, whoever reads would decide which one was meant */
		if (is_it && found != NULL)
			return false;
		if (is_it)
			found = walk.at;
		array_skip_element(&walk);
		if (is_it)
			found_end = walk.at;
	} while (walk.at < walk.end && *walk.at == ',');

	if (found == NULL || found >= walk.end || *found != '[')
		return false;

	/* An object that does not end well makes a broken array: one without its ']'. */
	if (walk.at < walk.end && *walk.at == '}')
	{
		walk.at++;
		array_skip_space(&walk);
		is_closed = walk.at == walk.end;
	}
	if (!is_closed && found_end[-1] == ']')
		found_end--;
	array->start = text;
	array->end = found_end;
	array->at = found + 1;
	array->is_first = true;
	return true;
}

JsonStep
json_array_next(JsonArray *array, const char **element, size_t *length,
				char *error)
{
	bool		is_first = array->is_first;

	array->is_first = false;
	array_skip_space(array);
	if (array->at < array->end && *array->at == ']')
	{
		array->at++;
		array_skip_space(array);
		return array->at == array->end ?
			JSON_STEP_END : array_broken(array, error);
	}
	if (!is_first)
	{
		if (array->at >= array->end || *array->at != ',')
			return array_broken(array, error);
		array->at++;
		array_skip_space(array);
	}

	*element = array->at;
	array_skip_element(array);
	*length = (size_t) (array->at - *element);
	if (array->at >= array->end || *length == 0)
		return array_broken(array, error);
	return JSON_STEP_ELEMENT;
}
