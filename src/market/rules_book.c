/*-------------------------------------------------------------------------
 *
 * rules_book.c
 *	  What cannot be true of a quote's book.
 *
 * In an opening or closing auction orders gather unmatched, so the best bid may
 * be above the best ask; in continuous trading it cannot.  A message says which
 * of both it is only indirectly:
 *
 * - Where the session's label is none of continuous trading, nothing is refused.
 *	 ATO and ATC are auctions; restricted shares are matched in an auction every
 *	 quarter of an hour, all day, and a share that was halted begins again with
 *	 one, under labels that nobody has captured.
 * - A label of continuous trading proves nothing, since labels linger, also
 *	 overnight: the time of the book decides, which is source_time, or, where the
 *	 source has none, the time of the answer.  Within continuous trading of the
 *	 exchange (of all three where it is unknown), a minute away from any auction,
 *	 on a weekday, a crossed book is refused.  So it is without a label.
 * - At any other time it cannot be known, and nothing is refused.
 *
 * The hours are the exchanges' own and not those of a calendar that somebody
 * may change: a message is judged from itself alone, and everywhere alike.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "market/rules_parts.h"

#define MINUTE INT64_C(60000000)	/* µs */
#define CLOCK(hours, minutes) (((hours) * 60 + (minutes)) * MINUTE)
#define DAY CLOCK(24, 0)

/* 1970-01-01 was a Thursday. */
#define WEEKDAY_OF_EPOCH 3		/* from Monday, 0 */
#define SATURDAY 5

/*
 * Continuous trading: from the end of the opening auction, or the opening, to
 * lunch, and from there to the beginning of the closing auction.
 */
typedef struct Continuous
{
	const char *exchange;
	int64_t		morning;
	int64_t		end;
} Continuous;

static const Continuous continuous[] = {
	{"HOSE", CLOCK(9, 15), CLOCK(14, 30)},
	{"HNX", CLOCK(9, 0), CLOCK(14, 30)},
	{"UPCOM", CLOCK(9, 0), CLOCK(15, 0)}
};

static const Continuous continuous_everywhere = {NULL, CLOCK(9, 15), CLOCK(14, 30)};

#define LUNCH CLOCK(11, 30)
#define AFTERNOON CLOCK(13, 0)

/* Clocks differ, and a source shows the auction until its result is there. */
#define NEAR_AUCTION MINUTE

/* VCI's LO_MORNING and LO_AFTERNOON (limit orders), KBS's O and OPEN. */
static bool
is_continuous_label(const char *session)
{
	return strncmp(session, "LO_", 3) == 0 || strcmp(session, "O") == 0 ||
		strcmp(session, "OPEN") == 0;
}

static bool
is_continuous(const Quote *quote)
{
	const Continuous *hours = &continuous_everywhere;
	int64_t		book_time = quote_knows(quote, QUOTE_SOURCE_TIME) ?
		quote->source_time : quote->time;
	int32_t		day = vietnam_date(book_time);
	int64_t		of_day;
	size_t		i;

	if (quote_knows(quote, QUOTE_SESSION) && !is_continuous_label(quote->session))
		return false;
	if (book_time < QUOTE_TIME_MIN || book_time > INT64_MAX - VIETNAM_UTC_OFFSET ||
		(day + WEEKDAY_OF_EPOCH) % 7 >= SATURDAY)
		return false;
	of_day = book_time + VIETNAM_UTC_OFFSET - day * DAY;
	for (i = 0; i < sizeof(continuous) / sizeof(continuous[0]); i++)
	{
		if (quote_knows(quote, QUOTE_EXCHANGE) &&
			strcmp(quote->exchange, continuous[i].exchange) == 0)
			hours = &continuous[i];
	}
	return (of_day >= hours->morning + NEAR_AUCTION && of_day < LUNCH) ||
		(of_day >= AFTERNOON && of_day < hours->end - NEAR_AUCTION);
}

bool
judge_book_crossed(const Quote *quote, int64_t now, char *error)
{
	(void) now;
	if (!quote_knows(quote, QUOTE_BID_PRICE) ||
		!quote_knows(quote, QUOTE_ASK_PRICE) || !is_continuous(quote))
		return false;
	return rule_in_order(quote, QUOTE_BID_PRICE, QUOTE_ASK_PRICE, error);
}
