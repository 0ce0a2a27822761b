/*-------------------------------------------------------------------------
 *
 * candles.c
 *	  From the quotes of a trading date to candles.
 *
 *-------------------------------------------------------------------------
 */
#include "market/candles.h"

#include <math.h>
#include <string.h>

/* What has been seen of a date so far. */
typedef struct DayState
{
	const Bucket *bucket;
	const CandleDay *day;
	CandleList *list;
	int			next_sweep;		/* the first that was not passed yet */
	bool		has_seen;		/* a quote of this date */
	bool		has_fallen;		/* the total has, since the last match counted */
	int64_t		quoted;			/* when the last quote was fetched */
	int64_t		seen;			/* when somebody last looked */
	int64_t		volume;			/* totals as of then */
	double		value;
	double		high;
	double		low;
	int64_t		match;			/* of the last that counted */
	int64_t		candle;			/* start of the last candle with a price, NO_TIME */
} DayState;

/*-------------------------------------------------------------------------
 * Which quotes count, where there are several sources
 *-------------------------------------------------------------------------
 */

static bool
is_usable(const CandleSample *sample)
{
	return sample->total_volume != NO_VOLUME && sample->total_volume >= 0;
}

/* The source with most quotes in samples[from, to); the earlier one of two alike. */
static const char *
main_source(const CandleSample *samples, int from, int to, const char *except)
{
	const char *best = NULL;
	int			best_count = 0;

	for (int i = from; i < to; i++)
	{
		const char *name = samples[i].source;
		int			count = 0;
		bool		is_known = false;

		if (!is_usable(&samples[i]) || (except != NULL && strcmp(name, except) == 0))
			continue;
		/* a day has thousands of quotes and one or two names */
		for (int j = from; j < i && !is_known; j++)
			is_known = is_usable(&samples[j]) && strcmp(samples[j].source, name) == 0;
		if (is_known)
			continue;
		for (int j = i; j < to; j++)
			count += is_usable(&samples[j]) && strcmp(samples[j].source, name) == 0;
		if (count > best_count)
		{
			best = name;
			best_count = count;
		}
	}
	return best;
}

static double
clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

/*
 * Lets the quotes of another source count between two of the main one, which
 * are at before and after (-1 and count: at the date's ends).  Where the other's
 * totals do not fit between them it counts otherwise; then they are shifted to
 * end where the main one goes on, or to begin where it stopped.
 */
static void
fill_in(const CandleDay *day, int before, int after)
{
	CandleSample *samples = day->samples;
	const CandleSample *first = NULL;
	const CandleSample *last = NULL;
	const char *main = before >= 0 ? samples[before].source :
		after < day->sample_count ? samples[after].source : NULL;
	const char *name = main_source(samples, before + 1, after, main);
	int64_t		low = before >= 0 ? samples[before].total_volume : 0;
	int64_t		high = after < day->sample_count ? samples[after].total_volume : INT64_MAX;
	double		low_value = before >= 0 ? samples[before].total_value : 0;
	double		high_value = after < day->sample_count ? samples[after].total_value : INFINITY;
	int64_t		shift = 0;

	if (name == NULL || high < low)
		return;
	for (int i = before + 1; i < after; i++)
	{
		if (!is_usable(&samples[i]) || strcmp(samples[i].source, name) != 0)
			continue;
		if (first == NULL)
			first = &samples[i];
		last = &samples[i];
	}
	if (last->total_volume > high)
		shift = high - last->total_volume;
	else if (first->total_volume < low)
		shift = low - first->total_volume;
	for (int i = before + 1; i < after; i++)
	{
		CandleSample *sample = &samples[i];
		int64_t		volume;

		if (!is_usable(sample) || strcmp(sample->source, name) != 0)
			continue;
		volume = sample->total_volume + shift;
		sample->counts = true;
		sample->counted_volume = volume < low ? low : volume > high ? high : volume;
		/* a value that was shifted in shares is not known in VND */
		if (shift == 0 && !isnan(low_value) && !isnan(high_value))
			sample->counted_value = clamp(sample->total_value, low_value, high_value);
	}
}

static void
choose(const CandleDay *day)
{
	CandleSample *samples = day->samples;
	const char *main = main_source(samples, 0, day->sample_count, NULL);
	int			before = -1;
	bool		has_others = false;

	for (int i = 0; i < day->sample_count; i++)
	{
		samples[i].counts = main != NULL && is_usable(&samples[i]) &&
			strcmp(samples[i].source, main) == 0;
		samples[i].counted_volume = samples[i].total_volume;
		samples[i].counted_value = !samples[i].counts ? NAN :
			samples[i].total_volume == 0 ? 0 : samples[i].total_value;
		has_others |= is_usable(&samples[i]) && !samples[i].counts;
	}
	if (!has_others)
		return;
	for (int i = 0; i <= day->sample_count; i++)
	{
		bool		is_main = i < day->sample_count && is_usable(&samples[i]) &&
			strcmp(samples[i].source, main) == 0;
		int64_t		from = before >= 0 ? samples[before].time : calendar_time(day->date, 0);
		int64_t		to = i < day->sample_count ? samples[i].time : samples[i - 1].time;

		if (!is_main && i < day->sample_count)
			continue;
		if (trading_hours_between(&day->hours, from, to) > day->hole_limit)
			fill_in(day, before, i);
		before = i;
	}
}

/*-------------------------------------------------------------------------
 * Candles
 *-------------------------------------------------------------------------
 */

bool
candle_has_price(const Candle *candle)
{
	return candle->open_time != NO_TIME;
}

void
candle_begin(Candle *candle, int64_t start)
{
	*candle = (Candle) {.start = start,.open_time = NO_TIME,.close_time = NO_TIME,
	.open = NAN,.high = NAN,.low = NAN,.close = NAN};
}

/* The candle that starts there, new where there is none yet. */
static Candle *
candle_at(CandleList *list, int64_t start)
{
	int			at = list->count;
	Candle	   *candle;

	/* nearly always the last one */
	while (at > 0 && list->candles[at - 1].start > start)
		at--;
	if (at > 0 && list->candles[at - 1].start == start)
		return &list->candles[at - 1];
	candle = &list->candles[at];
	memmove(candle + 1, candle, sizeof(Candle) * (size_t) (list->count - at));
	list->count++;
	candle_begin(candle, start);
	return candle;
}

static void
add_source(Candle *candle, const char *name)
{
	size_t		used = strlen(candle->sources);
	size_t		length = strlen(name);

	for (const char *at = candle->sources; (at = strstr(at, name)) != NULL; at++)
	{
		if ((at == candle->sources || at[-1] == ' ') && (at[length] == '\0' || at[length] == ','))
			return;
	}
	if (length == 0 || used + length + 3 > CANDLE_SOURCES_SIZE)
		return;
	if (used > 0)
	{
		memcpy(candle->sources + used, ", ", 2);
		used += 2;
	}
	memcpy(candle->sources + used, name, length + 1);
}

/* Totals from outside may be as large as they like; sums of them stay there. */
static void
add_shares(int64_t *sum, int64_t shares)
{
	if (__builtin_add_overflow(*sum, shares, sum))
		*sum = shares > 0 ? INT64_MAX : -INT64_MAX;
}

static void
add_extreme(Candle *candle, double price)
{
	if (isnan(price))
		return;
	if (isnan(candle->high) || price > candle->high)
		candle->high = price;
	if (isnan(candle->low) || price < candle->low)
		candle->low = price;
}

/* A price of a match at that time; matches come mostly, not always, in order. */
static void
add_price(Candle *candle, int64_t time, double open, double price)
{
	if (candle->open_time == NO_TIME || time < candle->open_time)
	{
		candle->open_time = time;
		candle->open = open;
		add_extreme(candle, open);
	}
	if (candle->close_time == NO_TIME || time >= candle->close_time)
	{
		candle->close_time = time;
		candle->close = price;
	}
	add_extreme(candle, price);
}

void
candle_append(Candle *candle, const Candle *later)
{
	char		names[CANDLE_SOURCES_SIZE];

	if (candle_has_price(later))
	{
		add_price(candle, later->open_time, later->open, later->open);
		add_price(candle, later->close_time, later->close, later->close);
	}
	add_extreme(candle, later->high);
	add_extreme(candle, later->low);
	add_shares(&candle->net_volume, later->net_volume);
	add_shares(&candle->volume_over_hole, later->volume_over_hole);
	add_shares(&candle->corrected, later->corrected);
	candle->value += later->value;
	candle->samples += later->samples;
	memcpy(names, later->sources, sizeof(names));
	for (char *name = names, *end; *name != '\0'; name = end)
	{
		end = name + strcspn(name, ",");
		if (*end != '\0')
		{
			*end = '\0';
			end += 2;			/* ", " */
		}
		add_source(candle, name);
	}
}

/* Does it tell its last match's time, on its own trading date? */
static bool
has_match_time(const CandleDay *day, const CandleSample *sample)
{
	return sample->match_time != NO_TIME && calendar_day(sample->match_time) == day->date;
}

/*
 * When the last match that the quote tells was, as far as it says.  Who tells
 * no match time, and is late, tells of a match in trading hours all the same.
 */
static int64_t
moment_of(const CandleDay *day, const CandleSample *sample)
{
	int64_t		first = calendar_time(day->date, 0);
	int64_t		last = calendar_time(day->date + 1, 0) - 1;

	if (has_match_time(day, sample))
		return sample->match_time;
	return trading_hours_last(&day->hours, sample->time < first ? first :
							  sample->time > last ? last : sample->time);
}

/*
 * When somebody had looked last before this quote: the quote before it, or a
 * sweep that told nothing of this ticker, since nothing had changed.  Before a
 * date's first quote, and where heartbeats are missing, no sweep can be believed
 * to have asked for the ticker.
 */
static int64_t
looked_before(DayState *state, const CandleSample *sample)
{
	const CandleDay *day = state->day;
	int64_t		looked = state->seen;
	bool		was_asked_for = state->has_seen &&
		trading_hours_between(&day->hours, state->quoted, sample->time) <= day->silence_limit;

	while (state->next_sweep < day->sweep_count &&
		   day->sweeps[state->next_sweep].ended < sample->time)
	{
		int64_t		started = day->sweeps[state->next_sweep++].started;

		if (was_asked_for && started > looked)
			looked = started;
	}
	state->seen = looked;
	return looked;
}

static void
count_high_and_low(DayState *state, Candle *candle, const CandleSample *sample)
{
	if (!isnan(sample->high) && (isnan(state->high) || sample->high > state->high))
		add_extreme(candle, sample->high);
	if (!isnan(sample->low) && (isnan(state->low) || sample->low < state->low))
		add_extreme(candle, sample->low);
}

static void
count_rise(DayState *state, const CandleSample *sample, int64_t looked, int64_t rise)
{
	const CandleDay *day = state->day;
	int64_t		moment = moment_of(day, sample);
	bool		is_timed = has_match_time(day, sample);
	int64_t		start = bucket_start(state->bucket, moment);
	Candle	   *candle = candle_at(state->list, start);
	bool		is_hole = start > looked &&
		trading_hours_between(&day->hours, looked, moment) > day->hole_limit;
	bool		is_repeat = state->has_fallen && is_timed && sample->match_time == state->match;
	bool		is_first = state->volume == 0 && state->match == NO_TIME;

	candle->samples++;
	add_source(candle, sample->source);
	if (is_hole)
		add_shares(&candle->volume_over_hole, rise);
	else
	{
		add_shares(&candle->net_volume, rise);
		candle->value += sample->counted_value - state->value;	/* NAN stays */
	}

	/*
	 * Over a hole the last match is certain where its time is told; all before
	 * it, and the last one of who tells none, may have been in any bucket.
	 */
	if (!isnan(sample->price) && !is_repeat && (is_timed || !is_hole))
	{
		double		open = is_first && !is_hole && !isnan(sample->open) ? sample->open : sample->price;

		add_price(candle, moment, open, sample->price);
		state->candle = start;
	}
	if (!is_hole)
		count_high_and_low(state, candle, sample);
	state->match = is_timed ? sample->match_time : moment;
	state->has_fallen = false;
}

static void
count_sample(DayState *state, const CandleSample *sample)
{
	int64_t		looked = looked_before(state, sample);
	int64_t		change = sample->counted_volume - state->volume;

	if (change > 0)
		count_rise(state, sample, looked, change);
	else
	{
		if (change < 0)
		{
			int64_t		start = bucket_start(state->bucket, moment_of(state->day, sample));
			Candle	   *candle = candle_at(state->list, start);

			add_shares(&candle->net_volume, change);
			add_shares(&candle->corrected, -change);
			candle->value += sample->counted_value - state->value;
			add_source(candle, sample->source);
			state->has_fallen = true;
		}
		if (state->candle != NO_TIME)
			count_high_and_low(state, candle_at(state->list, state->candle), sample);
	}
	state->has_seen = true;
	state->quoted = sample->time;
	if (sample->time > state->seen)
		state->seen = sample->time;
	state->volume = sample->counted_volume;
	state->value = sample->counted_value;
	if (!isnan(sample->high))
		state->high = sample->high;
	if (!isnan(sample->low))
		state->low = sample->low;
}

void
candles_add_day(CandleList *list, const Bucket *bucket, const CandleDay *day)
{
	DayState	state = {.bucket = bucket,.day = day,.list = list,
		.seen = calendar_time(day->date, 0),.high = NAN,.low = NAN,
	.match = NO_TIME,.candle = NO_TIME};

	choose(day);
	for (int i = 0; i < day->sample_count; i++)
	{
		if (day->samples[i].counts)
			count_sample(&state, &day->samples[i]);
	}
}
