/* SPDX-License-Identifier: ISC */

#ifndef HISTORY_H
#define HISTORY_H

#include <stdint.h>
#include <stdio.h>

/*
 * How much went through, over the last minutes, hours and days: rings of
 * buckets that each hold the bytes of so many seconds.  Times are seconds of
 * the monotonic clock; a series does not know the calendar.
 */
enum history_span {
	HISTORY_MINUTES,	/* 90 of 10 s: a quarter of an hour */
	HISTORY_HOURS,		/* 288 of 5 min: a day */
	HISTORY_DAYS,		/* 84 of 2 h: a week */
	HISTORY_SPANS
};
struct series;

/* NULL: there are too many, or no memory. */
struct series	*series_new(void);
void		 series_free(struct series *);

/* So many bytes from a guest (rx) and to it came between two times. */
void		 series_add(struct series *, double, double, double, double);

/* Is there nothing left in it at this time? */
int		 series_empty(const struct series *, double);

/*
 * {"step":SECONDS,"rx":[...],"tx":[...]}, bytes a second, the oldest first and
 * up to this time; of NULL, zeros.
 */
void		 series_json(const struct series *, enum history_span, double,
		    FILE *);

/* The span of this name, or -1. */
int		 history_span_by_name(const char *);

#endif
