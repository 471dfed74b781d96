/* SPDX-License-Identifier: ISC */

/*
 * Who is there, and how much goes through now: a view that is drawn again
 * every second, by the control sequences that every terminal has.
 */

#include <sys/types.h>
#include <sys/ioctl.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "top.h"

#define HISTORY		16		/* seconds of a sparkline */
#define PAUSE		1000		/* ms */

struct row {
	uint32_t	 id;
	int		 seen;		/* in this round */
	char		 name[CTL_NAME_LEN];
	uint64_t	 rx, tx;
	uint64_t	 rx_rate, tx_rate;	/* bytes a second */
	uint64_t	 handshake;
	uint32_t	 flows;
	uint64_t	 rates[HISTORY];
	int		 rounds;
};

enum sort {
	BY_RATE,
	BY_TOTAL,
	BY_NAME,
	BY_FLOWS
};

static struct {
	struct row		*row;
	size_t			 n;
	struct ctl_flow		*flow;
	size_t			 nflows;
	struct ctl_peerflows	*count;
	size_t			 ncounts;
	struct timespec		 last;
	enum sort		 sort;
	struct termios		 saved;
	volatile sig_atomic_t	 stop;
	volatile sig_atomic_t	 resized;
} tp;

static void
restore(void)
{
	/* the cursor, and what was on the screen before */
	printf("\033[?25h\033[?1049l");
	fflush(stdout);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &tp.saved);
}

static void
on_signal(int sig)
{
	if (sig == SIGWINCH)
		tp.resized = 1;
	else
		tp.stop = 1;
}

static void
take_peer(const struct ctl_peer *p, double secs)
{
	struct row	*r = NULL;
	size_t		 i;

	for (i = 0; i < tp.n; i++)
		if (tp.row[i].id == p->id)
			r = &tp.row[i];
	if (r == NULL) {
		tp.row = reallocarray(tp.row, tp.n + 1, sizeof(*tp.row));
		if (tp.row == NULL)
			err(1, NULL);
		r = &tp.row[tp.n++];
		memset(r, 0, sizeof(*r));
		r->id = p->id;
	}
	if (r->rounds++ > 0 && secs > 0 && p->rx_bytes >= r->rx &&
	    p->tx_bytes >= r->tx) {
		r->rx_rate = (uint64_t)((double)(p->rx_bytes - r->rx) / secs);
		r->tx_rate = (uint64_t)((double)(p->tx_bytes - r->tx) / secs);
	}
	memmove(r->rates, r->rates + 1, sizeof(r->rates) -
	    sizeof(r->rates[0]));
	r->rates[HISTORY - 1] = r->rx_rate + r->tx_rate;
	strlcpy(r->name, p->name, sizeof(r->name));
	r->rx = p->rx_bytes;
	r->tx = p->tx_bytes;
	r->handshake = p->latest_handshake;
	r->flows = 0;
	for (i = 0; i < tp.ncounts; i++)
		if (tp.count[i].id == p->id)
			r->flows = tp.count[i].flows;
	r->seen = 1;
}

static int
take(uint32_t type, struct imsg *imsg, void *arg)
{
	struct ctl_peer	 p;

	switch (type) {
	case CTL_PEERFLOWS:
		tp.count = reallocarray(tp.count, tp.ncounts + 1,
		    sizeof(*tp.count));
		if (tp.count == NULL)
			err(1, NULL);
		conn_get(imsg, &tp.count[tp.ncounts++], sizeof(*tp.count));
		break;
	case CTL_PEER:
		conn_get(imsg, &p, sizeof(p));
		p.name[sizeof(p.name) - 1] = '\0';
		take_peer(&p, *(const double *)arg);
		break;
	case CTL_FLOW:
		tp.flow = reallocarray(tp.flow, tp.nflows + 1,
		    sizeof(*tp.flow));
		if (tp.flow == NULL)
			err(1, NULL);
		conn_get(imsg, &tp.flow[tp.nflows++], sizeof(*tp.flow));
		break;
	}
	return (0);
}

static int
cmp_rows(const void *a, const void *b)
{
	const struct row	*x = a, *y = b;
	uint64_t		 p = 0, q = 0;

	switch (tp.sort) {
	case BY_RATE:
		p = x->rates[HISTORY - 1];
		q = y->rates[HISTORY - 1];
		break;
	case BY_TOTAL:
		p = x->rx + x->tx;
		q = y->rx + y->tx;
		break;
	case BY_FLOWS:
		p = x->flows;
		q = y->flows;
		break;
	case BY_NAME:
		break;
	}
	return (p != q ? (p < q ? 1 : -1) : strcmp(x->name, y->name));
}

static int
cmp_flows(const void *a, const void *b)
{
	const struct ctl_flow	*x = a, *y = b;
	uint64_t		 p = x->rx_bytes + x->tx_bytes;
	uint64_t		 q = y->rx_bytes + y->tx_bytes;

	return (p == q ? 0 : p < q ? 1 : -1);
}

static void
ask_all(void)
{
	struct timespec	 now;
	double		 secs;
	size_t		 i, k = 0;

	clock_gettime(CLOCK_MONOTONIC, &now);
	secs = (double)(now.tv_sec - tp.last.tv_sec) +
	    (double)(now.tv_nsec - tp.last.tv_nsec) / 1e9;
	tp.last = now;
	tp.nflows = tp.ncounts = 0;
	for (i = 0; i < tp.n; i++)
		tp.row[i].seen = 0;
	conn_must(CTL_SHOW_PEERS, 0, NULL, take, &secs);
	conn_must(CTL_SHOW_FLOWS, 0, NULL, take, &secs);
	for (i = 0; i < tp.n; i++)
		if (tp.row[i].seen)
			tp.row[k++] = tp.row[i];
	tp.n = k;
	if (tp.n > 0)
		qsort(tp.row, tp.n, sizeof(*tp.row), cmp_rows);
	if (tp.nflows > 0)
		qsort(tp.flow, tp.nflows, sizeof(*tp.flow), cmp_flows);
}

static const char *
amount(uint64_t n, char buf[16])
{
	static const char	 unit[] = " KMGTP";
	double			 v = (double)n;
	int			 u = 0;

	for (; v >= 1000 && u < 5; u++)
		v /= 1000;
	snprintf(buf, 16, u == 0 ? "%.0f%c" : "%.1f%c", v, unit[u]);
	return (buf);
}

static void
spark(const struct row *r)
{
	static const char *const	 bar[] = { " ", "\xe2\x96\x81",
					    "\xe2\x96\x82", "\xe2\x96\x83",
					    "\xe2\x96\x84", "\xe2\x96\x85",
					    "\xe2\x96\x86", "\xe2\x96\x87",
					    "\xe2\x96\x88" };
	uint64_t			 max = 1;
	int				 i;

	for (i = 0; i < HISTORY; i++)
		if (r->rates[i] > max)
			max = r->rates[i];
	for (i = 0; i < HISTORY; i++)
		fputs(bar[r->rates[i] == 0 ? 0 : 1 + (r->rates[i] * 7 + max /
		    2) / max], stdout);
}

static void
draw(void)
{
	struct winsize	 ws;
	char		 a[16], b[16], c[16], d[16], src[ADDR_STRLEN];
	char		 dst[ADDR_STRLEN], line[512];
	time_t		 now = time(NULL);
	size_t		 i, lines = 24, wide = 80, most;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 4 &&
	    ws.ws_col > 20) {
		lines = ws.ws_row;
		wide = ws.ws_col;
	}
	printf("\033[H\033[7m%-*.*s\033[0m\n", (int)wide, (int)wide,
	    "peer                  rx/s   tx/s      rx     tx flows  seen  "
	    "last 16 s    r t n f sort, q quits");
	most = lines / 2 > 2 ? lines / 2 : 2;
	for (i = 0; i < tp.n && i < most; i++) {
		snprintf(line, sizeof(line), "%-18.18s %7s%7s %7s%7s %5u "
		    "%5lld  ", tp.row[i].name, amount(tp.row[i].rx_rate, a),
		    amount(tp.row[i].tx_rate, b), amount(tp.row[i].rx, c),
		    amount(tp.row[i].tx, d), tp.row[i].flows,
		    tp.row[i].handshake == 0 ? -1LL : (long long)now -
		    (long long)tp.row[i].handshake);
		printf("%.*s", (int)wide, line);
		if (wide >= strlen(line) + HISTORY)
			spark(&tp.row[i]);
		printf("\033[K\n");
	}
	printf("\033[7m%-*.*s\033[0m\n", (int)wide, (int)wide,
	    "flow: peer, source, destination, state, rx, tx");
	for (most = i + 3, i = 0; i < tp.nflows && i + most <= lines; i++) {
		tp.flow[i].peer_name[sizeof(tp.flow[i].peer_name) - 1] = '\0';
		tp.flow[i].state[sizeof(tp.flow[i].state) - 1] = '\0';
		snprintf(line, sizeof(line), "%-14.14s %s > %s %s %s %s",
		    tp.flow[i].peer_name, ipport_str(&tp.flow[i].src,
		    tp.flow[i].sport, src, sizeof(src)),
		    ipport_str(&tp.flow[i].dst, tp.flow[i].dport, dst,
		    sizeof(dst)), tp.flow[i].state,
		    amount(tp.flow[i].rx_bytes, a),
		    amount(tp.flow[i].tx_bytes, b));
		printf("%.*s\033[K\n", (int)wide, line);
	}
	printf("\033[J");
	fflush(stdout);
}

/* Returns 0 if it is to end. */
static int
key(void)
{
	struct pollfd	 pfd = { STDIN_FILENO, POLLIN, 0 };
	char		 c;

	if (poll(&pfd, 1, PAUSE) <= 0)
		return (1);
	if (read(STDIN_FILENO, &c, 1) != 1)
		return (0);
	switch (c) {
	case 'q':
	case '\003':
		return (0);
	case 'r':
		tp.sort = BY_RATE;
		break;
	case 't':
		tp.sort = BY_TOTAL;
		break;
	case 'n':
		tp.sort = BY_NAME;
		break;
	case 'f':
		tp.sort = BY_FLOWS;
		break;
	}
	return (1);
}

void
top(void)
{
	struct sigaction	 sa;
	struct termios		 raw;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &tp.saved) == -1)
		errx(1, "top needs a terminal");
	ask_all();
	raw = tp.saved;
	raw.c_lflag &= (tcflag_t)~(ICANON | ECHO);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGWINCH, &sa, NULL);
	if (atexit(restore) != 0 ||
	    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == -1)
		err(1, "terminal");
	printf("\033[?1049h\033[?25l\033[2J");
	do {
		draw();
		if (!key() || tp.stop)
			break;
		ask_all();
	} while (!tp.stop);
}
