/* SPDX-License-Identifier: ISC */

/*
 * Words of wgslirpd.conf(5) as what they mean.  Who is wrong is told with file
 * and line, by yyerror().
 */

#include <sys/types.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lex.h"
#include "value.h"

#define RATE_MIN	8000

int
get_number(int64_t v, int64_t lo, int64_t hi, const char *what)
{
	if (v >= lo && v <= hi)
		return (0);
	yyerror("%s: must be from %lld to %lld", what, (long long)lo,
	    (long long)hi);
	return (-1);
}

int
get_port_range(const char *s, struct rule *r)
{
	char	 buf[16], *colon;

	if (strlcpy(buf, s, sizeof(buf)) >= sizeof(buf) ||
	    (colon = strchr(buf, ':')) == NULL)
		return (-1);
	*colon = '\0';
	if (port_parse(buf, &r->port_lo) == -1 ||
	    port_parse(colon + 1, &r->port_hi) == -1 ||
	    r->port_lo > r->port_hi)
		return (-1);
	return (0);
}

/* Takes the string. */
int
get_prefix(char *s, struct ipprefix *p, const char *what)
{
	int	 r = ipprefix_parse(p, s);

	if (r == -1)
		yyerror("%s: not an address/length", what);
	else
		ipprefix_mask(p);
	free(s);
	return (r);
}

int
get_addr(char *s, struct ipaddr *a, const char *what)
{
	int	 r = ipaddr_parse(a, s);

	if (r == -1)
		yyerror("%s: not an address", what);
	free(s);
	return (r);
}

/* A domain, which becomes lower case, without a dot at its end. */
int
get_domain(char *s, const char *what)
{
	size_t	 n = strlen(s), i;

	for (i = 0; i < n; i++)
		s[i] = (char)tolower((unsigned char)s[i]);
	if (n > 1 && s[n - 1] == '.')
		s[n - 1] = '\0';
	if (host_name_ok(s) && strlen(s) < HOST_NAME_LEN)
		return (0);
	yyerror("%s: not a name", what);
	return (-1);
}

/* Who is meant at a relay.  Takes the string. */
int
get_node(char *s, uint8_t key[KEY_LEN])
{
	int	 r = key_from_node(key, NODE_PUBLIC, s);

	free(s);
	if (r == -1 || key_is_zero(key)) {
		yyerror("derp: not \"" NODE_PUBLIC "\" and 64 hexadecimal "
		    "digits");
		return (-1);
	}
	return (0);
}

/* A number with K, M, G or T for thousands of each other. */
int
get_size(char *s, uint64_t *v, const char *what)
{
	static const char	 units[] = "KMGT";
	const char		*u, *errstr = NULL;
	size_t			 n = strlen(s);
	uint64_t		 scale = 1;
	int			 i;

	if (n > 0 && (u = strchr(units, toupper((unsigned char)s[n - 1]))) !=
	    NULL) {
		for (i = 0; i <= u - units; i++)
			scale *= 1000;
		s[n - 1] = '\0';
	}
	*v = (uint64_t)strtonum(s, 1, INT64_MAX / (int64_t)scale, &errstr) *
	    scale;
	free(s);
	if (errstr == NULL)
		return (0);
	yyerror("%s: not a number, or one with K, M, G or T", what);
	return (-1);
}

/* A rate is in bits a second. */
int
get_rate(char *s, uint64_t *v)
{
	if (get_size(s, v, "rate") == -1)
		return (-1);
	if (*v >= RATE_MIN)
		return (0);
	yyerror("rate: at least %d bits a second", RATE_MIN);
	return (-1);
}

/* Seconds, or minutes, hours, days with a letter.  Takes the string. */
int
get_seconds(char *s, uint32_t *v)
{
	static const char	 units[] = "smhd";
	static const uint32_t	 scale[] = { 1, 60, 3600, 86400 };
	const char		*u, *errstr = NULL;
	size_t			 n = strlen(s);
	uint32_t		 by = 1;

	if (n > 1 && (u = strchr(units, s[n - 1])) != NULL) {
		by = scale[u - units];
		s[n - 1] = '\0';
	}
	*v = (uint32_t)strtonum(s, 1, 365 * 86400 / by, &errstr) * by;
	free(s);
	if (errstr == NULL)
		return (0);
	yyerror("rotate: seconds, or a number with s, m, h or d");
	return (-1);
}

/* RFC 3339, in UTC, with or without the time of day. */
int
get_time(char *s, int64_t *v)
{
	struct tm	 tm;
	const char	*end;
	int		 ok, day, min;

	memset(&tm, 0, sizeof(tm));
	if ((end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm)) == NULL ||
	    *end != '\0') {
		memset(&tm, 0, sizeof(tm));
		end = strptime(s, "%Y-%m-%d", &tm);
	}
	day = tm.tm_mday;
	min = tm.tm_min;
	ok = end != NULL && *end == '\0' && (*v = timegm(&tm)) > 0 &&
	    tm.tm_mday == day && tm.tm_min == min;	/* it exists */
	free(s);
	if (ok)
		return (0);
	yyerror("expires: not a time as 2027-01-31T23:59:59Z");
	return (-1);
}
