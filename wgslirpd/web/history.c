/* SPDX-License-Identifier: ISC */

#include <stdlib.h>
#include <string.h>

#include "history.h"

#define MAX_SERIES	16384	/* 4 KB each */

static const struct {
	const char	*name;
	unsigned int	 step;		/* seconds */
	unsigned int	 n;		/* buckets, with the one being filled */
	unsigned int	 first;		/* in the series */
}	 spans[HISTORY_SPANS] = {
	[HISTORY_MINUTES] = { "minutes", 10, 91, 0 },
	[HISTORY_HOURS] = { "hours", 300, 289, 91 },
	[HISTORY_DAYS] = { "days", 7200, 85, 380 }
};
#define BUCKETS		(91 + 289 + 85)

struct series {
	uint64_t	 last[HISTORY_SPANS];	/* number of the newest one */
	float		 rx[BUCKETS];
	float		 tx[BUCKETS];
};

static int	 nseries;

struct series *
series_new(void)
{
	struct series	*s;

	if (nseries == MAX_SERIES || (s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	nseries++;
	return (s);
}

void
series_free(struct series *s)
{
	if (s != NULL)
		nseries--;
	free(s);
}

/* Where a bucket is kept, by its number. */
static unsigned int
place(int span, uint64_t b)
{
	return (spans[span].first + (unsigned int)(b % spans[span].n));
}

/* Make room up to this bucket; what is too old goes. */
static void
advance(struct series *s, int span, uint64_t b)
{
	uint64_t	 i = s->last[span] + 1;

	if (b <= s->last[span])
		return;
	if (b >= spans[span].n && i <= b - spans[span].n)
		i = b - spans[span].n + 1;
	for (; i <= b; i++)
		s->rx[place(span, i)] = s->tx[place(span, i)] = 0;
	s->last[span] = b;
}

static void
add_span(struct series *s, int span, double from, double to, double rx,
    double tx)
{
	double		 step = spans[span].step, a, e, part;
	uint64_t	 b, first = (uint64_t)(from / step);
	uint64_t	 last = (uint64_t)(to / step);

	advance(s, span, last);
	if (last >= spans[span].n && first <= last - spans[span].n)
		first = last - spans[span].n + 1;
	for (b = first; b <= last; b++) {
		a = from > (double)b * step ? from : (double)b * step;
		e = to < (double)(b + 1) * step ? to :
		    (double)(b + 1) * step;
		part = to > from ? (e - a) / (to - from) : 1;
		s->rx[place(span, b)] += (float)(rx * part);
		s->tx[place(span, b)] += (float)(tx * part);
	}
}

void
series_add(struct series *s, double from, double to, double rx, double tx)
{
	int	 i;

	for (i = 0; i < HISTORY_SPANS; i++)
		add_span(s, i, from, to, rx, tx);
}

int
series_empty(const struct series *s, double now)
{
	int	 i = HISTORY_DAYS;

	return (s->last[i] + spans[i].n <= (uint64_t)(now / spans[i].step));
}

static void
put(const struct series *s, enum history_span span, uint64_t newest, FILE *f,
    int tx)
{
	unsigned int	 i, age;
	uint64_t	 b;
	double		 v;

	for (i = 0; i < spans[span].n - 1; i++) {
		v = 0;
		age = spans[span].n - 2 - i;
		b = newest - age;
		if (s != NULL && newest >= age && b <= s->last[span] &&
		    b + spans[span].n > s->last[span])
			v = (double)(tx ? s->tx : s->rx)[place(span, b)] /
			    spans[span].step;
		fprintf(f, "%s%.0f", i > 0 ? "," : "", v);
	}
}

void
series_json(const struct series *s, enum history_span span, double now,
    FILE *f)
{
	/* the bucket that is being filled would look like an end */
	uint64_t	 newest = (uint64_t)(now / spans[span].step);

	newest -= newest > 0;
	fprintf(f, "{\"step\":%u,\"rx\":[", spans[span].step);
	put(s, span, newest, f, 0);
	fprintf(f, "],\"tx\":[");
	put(s, span, newest, f, 1);
	fprintf(f, "]}");
}

int
history_span_by_name(const char *name)
{
	int	 i;

	for (i = 0; i < HISTORY_SPANS; i++)
		if (strcmp(spans[i].name, name) == 0)
			return (i);
	return (-1);
}
