/* SPDX-License-Identifier: ISC */

#ifndef PEER_H
#define PEER_H

/*
 * Commands about peers that have a file of their own in the folder of an
 * include.  They are made here, with the rights of who asks, and the daemon
 * reads them; it cannot write.  Arguments are the words after the command;
 * json: what is printed is JSON.  They exit with 1 if something is wrong, and
 * then nothing has changed.
 */
void	 peer_new(int, char *[], int);
void	 peer_change(int, char *[]);
void	 peer_list(int);
void	 peer_qr(const char *, const char *, int);
void	 peer_state(const char *, int);
void	 peer_delete(const char *);
void	 peer_rename(const char *, const char *);

#endif
