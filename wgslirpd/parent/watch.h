/* SPDX-License-Identifier: ISC */

#ifndef WATCH_H
#define WATCH_H

/*
 * Files of the configuration that change by themselves: a folder that is
 * shared, a Secret of Kubernetes.  They are looked at twice a second, because
 * what another machine writes is told to nobody; when they have changed, and
 * stay so until the next look, fn is called.
 */
void		 watch_start(void (*fn)(void));

/*
 * Around each reading of the configuration, so that what changes meanwhile is
 * not missed; on: look at its files from now.
 */
void		 watch_before(void);
void		 watch_after(int on);

#endif
