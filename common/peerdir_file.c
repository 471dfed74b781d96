/* SPDX-License-Identifier: ISC */

/* The folder of the peers' files: each is there whole, or not at all. */

#include <sys/types.h>
#include <sys/stat.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peerdir_file.h"

#define OLD_FILE	600		/* seconds: nobody writes it any more */

/* A file of the folder and what the system says of it. */
static int
fail_file(struct peerdir *p, const char *name)
{
	return (pd_fail(p, "%.128s/%s: %s", p->setup.peers_dir, name,
	    strerror(errno)));
}

int
pd_name_ok(const char *name)
{
	const char	*s;

	for (s = name; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr("._-", *s) == NULL)
			break;
	return (*s == '\0' && *name != '.' && *name != '-' && *name != '\0' &&
	    strlen(name) < CTL_NAME_LEN);
}

int
pd_check_name(struct peerdir *p, const char *name)
{
	if (pd_name_ok(name))
		return (0);
	return (pd_fail(p, "a peer's name is of letters, digits and \"._-\", "
	    "up to %d of them", CTL_NAME_LEN - 1));
}

/*
 * What root makes belongs to whom the folder belongs to: the daemon may run as
 * that user.
 */
static int
give_away(struct peerdir *p, int fd, int dir)
{
	struct stat	 sb;

	if (geteuid() != 0 || p->given)
		return (0);
	return (fstat(dir, &sb) == -1 || fchown(fd, sb.st_uid, sb.st_gid) ==
	    -1 ? -1 : 0);
}

/* Open the folder of the peers' files; with make, it may be a new one. */
int
pd_open(struct peerdir *p, int make)
{
	const char	*s = p->setup.peers_dir;
	char		 up[CTL_PATH_LEN], *slash;
	int		 fd, made;

	if (p->fd != -1)
		return (0);
	made = make && mkdir(s, 0700) == 0;
	if ((p->fd = open(s, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    (made ? O_NOFOLLOW : 0))) == -1)
		return (pd_fail(p, "%.160s: %s", s, strerror(errno)));
	if (!made)
		return (0);
	strlcpy(up, s, sizeof(up));
	if ((slash = strrchr(up, '/')) != NULL)
		slash[slash == up] = '\0';
	fd = open(up, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || give_away(p, p->fd, fd) == -1) {
		pd_fail(p, "%.160s: %s", up, strerror(errno));
		if (fd != -1)
			close(fd);
		return (-1);
	}
	close(fd);
	return (0);
}

const char *
pd_file_of(char buf[FILE_LEN], const char *name, const char *end)
{
	strlcpy(buf, name, FILE_LEN);
	strlcat(buf, end, FILE_LEN);
	return (buf);
}

int
pd_exists(const struct peerdir *p, const char *name, const char *end)
{
	struct stat	 sb;
	char		 buf[FILE_LEN];

	return (fstatat(p->fd, pd_file_of(buf, name, end), &sb,
	    AT_SYMLINK_NOFOLLOW) == 0);
}

const char *const	 pd_ends[] = { ".conf", ".conf.off" };

/* Is the peer's file that of one who is disabled?  -1: there is none. */
int
pd_find_file(struct peerdir *p, const char *name)
{
	int	 off;

	for (off = 0; off < 2; off++)
		if (pd_exists(p, name, pd_ends[off]))
			return (off);
	return (pd_fail(p, "peer \"%s\" has no file in %.128s", name,
	    p->setup.peers_dir));
}

/* A file's text, which is to be freed with freezero(MAX_FILE + 1). */
char *
pd_read_file(struct peerdir *p, const char *name)
{
	char	*text;
	ssize_t	 n = 0, len = 0;
	int	 fd;

	fd = openat(p->fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK);
	if (fd == -1 || (text = calloc(1, MAX_FILE + 1)) == NULL) {
		fail_file(p, name);
		if (fd != -1)
			close(fd);
		return (NULL);
	}
	while (len < MAX_FILE && (n = read(fd, text + len,
	    (size_t)(MAX_FILE - len))) > 0)
		len += n;
	close(fd);
	if (n == -1 || len == MAX_FILE) {
		pd_fail(p, "%.128s/%s: cannot be read", p->setup.peers_dir,
		    name);
		freezero(text, MAX_FILE + 1);
		return (NULL);
	}
	return (text);
}

void
pd_remove_file(struct peerdir *p, const char *name, const char *end)
{
	char	 buf[FILE_LEN];

	(void)unlinkat(p->fd, pd_file_of(buf, name, end), 0);
}

int
pd_rename_file(struct peerdir *p, const char *name, const char *end,
    const char *to, const char *to_end)
{
	char	 a[FILE_LEN], b[FILE_LEN];

	if (renameat(p->fd, pd_file_of(a, name, end), p->fd, pd_file_of(b, to,
	    to_end)) == -1)
		return (fail_file(p, a));
	/* not every system can; it has its name all the same */
	(void)fsync(p->fd);
	return (0);
}

/* The same on the way back, where there is nobody to tell but who watches. */
void
pd_rename_back(struct peerdir *p, const char *name, const char *end,
    const char *to, const char *to_end)
{
	char	 why[CTL_TEXT_LEN];

	strlcpy(why, p->err, sizeof(why));
	if (pd_rename_file(p, name, end, to, to_end) == -1)
		p->d.warn(p->d.arg, p->err);
	strlcpy(p->err, why, sizeof(p->err));
}

/* Whole or not at all, for nobody else to read. */
int
pd_write_file(struct peerdir *p, const char *name, const char *end,
    const char *text)
{
	char	 file[FILE_LEN], tmp[FILE_LEN];
	size_t	 len = strlen(text);
	int	 fd, ok;

	pd_file_of(file, name, end);
	/* somebody else may be writing the same */
	snprintf(tmp, sizeof(tmp), "%.*s.%d.tmp", CTL_NAME_LEN + 12, file,
	    (int)getpid());
	(void)unlinkat(p->fd, tmp, 0);
	if ((fd = openat(p->fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600)) == -1)
		return (fail_file(p, tmp));
	ok = give_away(p, fd, p->fd) == 0 &&
	    write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	if (close(fd) == -1 || !ok ||
	    renameat(p->fd, tmp, p->fd, file) == -1) {
		fail_file(p, file);
		(void)unlinkat(p->fd, tmp, 0);
		return (-1);
	}
	(void)fsync(p->fd);
	return (0);
}

/* Call fn with each name in the folder that has this end. */
int
pd_each_file(struct peerdir *p, const char *end, pd_file_fn *fn, void *arg)
{
	struct dirent	*e;
	char		 name[FILE_LEN];
	size_t		 n, m = strlen(end);
	DIR		*d;
	int		 fd, r = 0;

	if ((fd = openat(p->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) ==
	    -1 || (d = fdopendir(fd)) == NULL) {
		fail_file(p, "");
		if (fd != -1)
			close(fd);
		return (-1);
	}
	while (r == 0 && (e = readdir(d)) != NULL) {
		n = strlen(e->d_name);
		if (n <= m || n - m >= sizeof(name) ||
		    strcmp(e->d_name + n - m, end) != 0)
			continue;
		memcpy(name, e->d_name, n - m);
		name[n - m] = '\0';
		r = fn(p, name, arg);
	}
	closedir(d);
	return (r);
}

static int
sweep_one(struct peerdir *p, const char *name, void *arg)
{
	struct stat	 sb;
	char		 file[2 * FILE_LEN];

	(void)arg;
	snprintf(file, sizeof(file), "%s.tmp", name);
	if (fstatat(p->fd, file, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(sb.st_mode) && time(NULL) - sb.st_mtime > OLD_FILE)
		(void)unlinkat(p->fd, file, 0);
	return (0);
}

/* What somebody was writing who has not come to the end of it. */
void
pd_sweep(struct peerdir *p)
{
	(void)pd_each_file(p, ".tmp", sweep_one, NULL);
}
