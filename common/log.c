/* SPDX-License-Identifier: ISC */

/*
 * Logging.  In the foreground every process writes to standard error; as
 * a daemon the parent writes to syslog and the children hand their lines
 * to the parent, because a sandboxed child could not reconnect to a
 * restarted log daemon.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"

#define LOG_LIMIT_BURST	10
#define LOG_LIMIT_EVERY	MONO_SEC(1)

static const char	*procname = "";
static log_sink_fn	*sink;
static int		 debug = 1;
static int		 verbose;

/* foreground: log to standard error; otherwise to syslog or a sink. */
void
log_init(int foreground)
{
	debug = foreground;
	if (!debug)
		openlog("wgslirpd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	tzset();
}

void
log_procname(const char *name)
{
	procname = name;
}

void
log_setverbose(int v)
{
	verbose = v;
}

int
log_getverbose(void)
{
	return (verbose);
}

void
log_setsink(log_sink_fn *fn)
{
	sink = fn;
}

/*
 * Take what steers a terminal, or begins another line, out of a line that
 * somebody else has made: the control characters of ASCII, and those of
 * ISO 6429 as UTF-8 has them and alone.
 */
void
log_clean(char *line)
{
	unsigned char	*p, before = 0;

	for (p = (unsigned char *)line; *p != '\0'; before = *p++)
		if (*p < ' ' || *p == 0x7f || (*p >= 0x80 && *p < 0xa0 &&
		    (before < 0x80 || before == 0xc2)))
			*p = '?';
}


/* Write one finished line, without a newline. */
void
log_write(int pri, const char *line)
{
	char	 buf[LOG_LINE_MAX + 2];
	int	 n;

	if (sink != NULL)
		sink(pri, line);
	else if (debug) {
		/* one write(2), so that lines of processes do not mix */
		n = snprintf(buf, sizeof(buf), "%s\n", line);
		if (n < 0)
			return;
		if ((size_t)n >= sizeof(buf)) {
			n = sizeof(buf) - 1;
			buf[n - 1] = '\n';
		}
		if (write(STDERR_FILENO, buf, n) == -1)
			return;
	} else
		syslog(pri, "%s", line);
}

__attribute__((__format__(printf, 4, 0)))
static void
vlog(int pri, const char *prefix, int err, const char *fmt, va_list ap)
{
	char	 line[LOG_LINE_MAX];
	int	 save_errno = errno;
	size_t	 len = 0, i;
	int	 n;

	n = snprintf(line, sizeof(line), "%s%s%s", procname,
	    *procname != '\0' ? ": " : "", prefix);
	if (n > 0)
		len = strnlen(line, sizeof(line));
	/* fatal(NULL), as errc(3) has it: the error alone */
	n = fmt == NULL ? 0 : vsnprintf(line + len, sizeof(line) - len, fmt,
	    ap);
	len = strnlen(line, sizeof(line));
	if (n >= 0 && err != 0 && len < sizeof(line) - 1)
		snprintf(line + len, sizeof(line) - len, "%s%s",
		    fmt == NULL ? "" : ": ", strerror(err));
	for (i = 0; line[i] != '\0'; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	log_write(pri, line);
	errno = save_errno;
}

void
log_warn(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_ERR, "", errno, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_ERR, "", 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_INFO, "", 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list	 ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	vlog(LOG_DEBUG, "", 0, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, "fatal: ", errno, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vlog(LOG_CRIT, "fatal: ", 0, fmt, ap);
	va_end(ap);
	exit(1);
}

/*
 * May a line be logged now?  A suppressed line is counted; the caller
 * tells the count with the next line it may log and sets it to zero.
 */
int
log_allow(struct log_limit *l, mono_t now)
{
	mono_t	 n;

	n = (now - l->refill) / LOG_LIMIT_EVERY;
	if (l->refill == 0 || n >= LOG_LIMIT_BURST) {
		l->tokens = LOG_LIMIT_BURST;
		l->refill = now;
	} else if (n > 0) {
		l->tokens += n;
		if (l->tokens > LOG_LIMIT_BURST)
			l->tokens = LOG_LIMIT_BURST;
		l->refill += n * LOG_LIMIT_EVERY;
	}
	if (l->tokens == 0) {
		l->suppressed++;
		return (0);
	}
	l->tokens--;
	return (1);
}
