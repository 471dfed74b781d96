/* SPDX-License-Identifier: ISC */

#ifndef NOTIFY_H
#define NOTIFY_H

/*
 * A service manager is told what state the daemon is in, as systemd's
 * sd_notify(3) has it; without NOTIFY_SOCKET nothing is done.
 *
 * notify_open:	before the sandbox: connect to it, and forget where it is
 * notify:	tell it, "READY=1" and such
 */
void	 notify_open(void);
void	 notify(const char *);

#endif
