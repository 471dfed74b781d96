/* SPDX-License-Identifier: ISC */

#ifndef LOG_H
#define LOG_H

#include <sys/types.h>

#include <stdarg.h>

#include "mono.h"

#define LOG_LINE_MAX	1536

typedef void	log_sink_fn(int, const char *);

void	log_init(int);
void	log_procname(const char *);
void	log_setverbose(int);
int	log_getverbose(void);
void	log_setsink(log_sink_fn *);
void	log_write(int, const char *);
void	log_clean(char *);
void	log_warn(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
void	log_warnx(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
void	log_info(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
void	log_debug(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
void	fatal(const char *, ...)
	    __attribute__((__noreturn__, __format__(printf, 1, 2)));
void	fatalx(const char *, ...)
	    __attribute__((__noreturn__, __format__(printf, 1, 2)));

/* For lines that remote input can cause: a burst, then so many a second. */
struct log_limit {
	mono_t		 refill;
	unsigned int	 tokens;
	unsigned int	 suppressed;
};
int	log_allow(struct log_limit *, mono_t);

#endif
