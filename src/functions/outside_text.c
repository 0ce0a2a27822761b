/*-------------------------------------------------------------------------
 *
 * outside_text.c
 *	  Bytes from outside, which may be anything, as text of this database.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "functions/outside_text.h"
#include "market/reason.h"

/* How the database's encoding takes a character that is not ASCII. */
typedef struct Conversion
{
	bool		takes_utf8;		/* as it is */
	Oid			procedure;		/* from UTF-8; invalid: takes none */
} Conversion;

static Conversion
conversion_to_database(void)
{
	Conversion	conversion = {false, InvalidOid};
	int			encoding = GetDatabaseEncoding();

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		conversion.takes_utf8 = true;
	else
		conversion.procedure = FindDefaultConversionProc(PG_UTF8, encoding);
	return conversion;
}

static bool
append_converted(StringInfo text, const Conversion *conversion,
				 const char *character, int length)
{
	unsigned char source[5];
	unsigned char converted[5 * MAX_CONVERSION_GROWTH];

	if (conversion->takes_utf8)
	{
		appendBinaryStringInfo(text, character, length);
		return true;
	}
	if (!OidIsValid(conversion->procedure))
		return false;
	memcpy(source, character, length);
	source[length] = '\0';
	if (pg_do_encoding_conversion_buf(conversion->procedure, PG_UTF8,
									  GetDatabaseEncoding(), source, length,
									  converted, sizeof(converted), true) != length)
		return false;
	appendStringInfoString(text, (char *) converted);
	return true;
}

static char *
convert(const char *bytes, Size length, const char *backslash)
{
	Conversion	conversion = conversion_to_database();
	StringInfoData text;
	Size		i = 0;

	initStringInfo(&text);
	while (i < length)
	{
		Size		plain = i;
		int			taken;

		while (plain < length && bytes[plain] != '\0' && !IS_HIGHBIT_SET(bytes[plain]))
			plain++;
		appendBinaryStringInfo(&text, bytes + i, (int) (plain - i));
		i = plain;
		if (i == length)
			break;

		taken = bytes[i] == '\0' ? 0 : (int) utf8_length(bytes + i, length - i);
		if (taken == 0)
			appendStringInfo(&text, "%sx%02x", backslash, (unsigned char) bytes[i++]);
		else
		{
			if (!append_converted(&text, &conversion, bytes + i, taken))
				appendStringInfo(&text, "%su%04x", backslash,
								 utf8_to_unicode((const unsigned char *) bytes + i));
			i += taken;
		}
	}
	return text.data;
}

char *
outside_text(const char *bytes, Size length)
{
	return convert(bytes, length, "\\");
}

char *
outside_string(const char *string)
{
	return outside_text(string, strlen(string));
}

char *
outside_json(const char *json)
{
	return convert(json, strlen(json), "\\\\");
}
