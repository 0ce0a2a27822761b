/*-------------------------------------------------------------------------
 *
 * json_number.c
 *	  Numbers of JSON, both ways, in any locale.
 *
 * strtod() and snprintf() follow the locale's decimal point.  Reading gives
 * strtod() only digits and an exponent; writing puts the point right.
 *
 *-------------------------------------------------------------------------
 */
#include "market/json_parts.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest power of ten that is exactly a double. */
#define EXACT_POWER 22

/* Room for a number without its decimal point, but with an exponent. */
#define LITERAL_SIZE (JSON_MAX_NUMBER + 16)

/* Every integer up to here is exactly a double. */
#define EXACT_INTEGER_MAX 9007199254740992.0

/* Decimals that are written without snprintf(); change_percent has so many. */
#define FIXED_DECIMALS 6
#define FIXED_SCALE INT64_C(1000000)

bool
json_integer_is_exact(const char *digits, size_t length)
{
	char		literal[JSON_MAX_NUMBER + 1];
	char		read_back[JSON_MAX_NUMBER + 2];

	memcpy(literal, digits, length);
	literal[length] = '\0';
	snprintf(read_back, sizeof(read_back), "%.0f", strtod(literal, NULL));
	return strcmp(literal, read_back) == 0;
}

double
json_number_value(const char *start, const char *end, bool *is_zero)
{
	static const double powers[EXACT_POWER + 1] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
	};
	bool		is_negative = (*start == '-');
	const char *digits = is_negative ? start + 1 : start;
	const char *at;
	bool		in_fraction = false;
	int			digit_count = 0;
	long		power = 0;
	uint64_t	mantissa = 0;
	char		literal[LITERAL_SIZE];
	double		value;

	/* Most numbers are short integers. */
	for (at = digits; at < end && is_digit(*at) &&
		 at - digits < JSON_EXACT_DIGITS; at++)
		mantissa = mantissa * 10 + (uint64_t) (*at - '0');
	if (at == end)
	{
		*is_zero = (mantissa == 0);
		return is_negative ? -(double) mantissa : (double) mantissa;
	}

	mantissa = 0;
	for (at = digits; at < end && *at != 'e' && *at != 'E'; at++)
	{
		if (*at == '.')
		{
			in_fraction = true;
			continue;
		}
		if (in_fraction)
			power--;
		mantissa = mantissa * 10 + (uint64_t) (*at - '0');
		literal[digit_count++] = *at;
	}
	if (at < end)
	{
		bool		is_small = (at[1] == '-');
		long		exponent = 0;

		/* So far beyond any double the exact exponent no longer matters. */
		for (at++; at < end; at++)
		{
			if (is_digit(*at) && exponent < 100000)
				exponent = exponent * 10 + (*at - '0');
		}
		power += is_small ? -exponent : exponent;
	}

	/* Both exact, so that the one operation rounds as reading does. */
	if (FLT_EVAL_METHOD == 0 && digit_count <= JSON_EXACT_DIGITS &&
		power >= -EXACT_POWER && power <= EXACT_POWER)
	{
		value = (double) mantissa;
		value = power < 0 ? value / powers[-power] : value * powers[power];
		*is_zero = (mantissa == 0);
	}
	else
	{
		snprintf(literal + digit_count, LITERAL_SIZE - (size_t) digit_count,
				 "e%ld", power);
		*is_zero = (literal[strspn(literal, "0")] == 'e');
		value = strtod(literal, NULL);
	}
	return is_negative ? -value : value;
}

char *
json_write_integer(int64_t value, char *text)
{
	uint64_t	rest = value < 0 ? -(uint64_t) value : (uint64_t) value;
	char		digits[20];
	int			count = 0;

	do
	{
		digits[count++] = (char) ('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (value < 0)
		*text++ = '-';
	while (count > 0)
		*text++ = digits[--count];
	*text = '\0';
	return text;
}

/* scaled is the number times FIXED_SCALE, and no multiple of it */
static char *
write_decimals(int64_t scaled, char *text)
{
	int64_t		decimals;
	int			i;

	if (scaled < 0)
	{
		*text++ = '-';
		scaled = -scaled;
	}
	text = json_write_integer(scaled / FIXED_SCALE, text);
	*text++ = '.';
	decimals = scaled % FIXED_SCALE;
	for (i = FIXED_DECIMALS - 1; i >= 0; i--)
	{
		text[i] = (char) ('0' + decimals % 10);
		decimals /= 10;
	}
	text += FIXED_DECIMALS;
	while (text[-1] == '0')
		text--;
	*text = '\0';
	return text;
}

/*
 * The shortest of 15 to 17 digits that reads back as the same double.  Both
 * ways use the locale's decimal point, which may be several bytes.
 */
static char *
write_shortest(double value, char *text)
{
	char		digits[JSON_NUMBER_SIZE];
	const char *from;
	int			precision;
	bool		had_point = false;

	for (precision = 15; precision <= 17; precision++)
	{
		snprintf(digits, sizeof(digits), "%.*g", precision, value);
		if (strtod(digits, NULL) == value)
			break;
	}
	for (from = digits; *from != '\0'; from++)
	{
		if (strchr("0123456789+-e", *from) != NULL)
			*text++ = *from;
		else if (!had_point)
		{
			*text++ = '.';
			had_point = true;
		}
	}
	*text = '\0';
	return text;
}

char *
json_write_number(double value, char *text)
{
	double		scaled;

	if (fabs(value) <= EXACT_INTEGER_MAX && value == trunc(value))
		return json_write_integer((int64_t) value, text);

	/*
	 * A decimal of at most 15 digits is the only one that short that reads as
	 * its double, and with six of them behind the point it is an exact integer
	 * divided by an exact million, which rounds as reading it does.
	 */
	scaled = nearbyint(value * FIXED_SCALE);
	if (fabs(scaled) < 1e15 && scaled / FIXED_SCALE == value)
		return write_decimals((int64_t) scaled, text);
	return write_shortest(value, text);
}
