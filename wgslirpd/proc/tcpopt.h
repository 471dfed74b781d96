/* SPDX-License-Identifier: ISC */

#ifndef TCPOPT_H
#define TCPOPT_H

/*
 * Options of TCP sockets that systems name differently, or have not at all.
 * Each makes a connection better where it can be had, and none is needed.
 * Platform.
 *
 * tcpopt_keepalive:	ask the other end whether it is there when nothing came
 *			for so many seconds
 * tcpopt_timeout:	end the connection if what was sent is not acknowledged
 *			for so many milliseconds
 * tcpopt_lowat:	call it writable only when fewer bytes than these wait
 */
void	 tcpopt_keepalive(int, int);
void	 tcpopt_timeout(int, int);
void	 tcpopt_lowat(int, int);

#endif
