/* SPDX-License-Identifier: ISC */

#ifndef WATCHDOG_H
#define WATCHDOG_H

/*
 * A service manager that wants to hear that all is well (WATCHDOG_USEC, as
 * sd_watchdog_enabled(3) has it) does as long as every process answers.
 *
 * watchdog_open:	before the sandbox: is that wanted, and how often
 * watchdog_start:	every process is there: begin
 * watchdog_alive:	every process has answered
 */
void	 watchdog_open(void);
void	 watchdog_start(void);
void	 watchdog_alive(void);

#endif
