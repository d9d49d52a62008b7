#include "static_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "buffer.h"
#include "handlers.h"
#include "log.h"
#include "problem.h"

#define MAX_FILES 1000
#define MAX_TOTAL_BYTES (128u << 20)
#define MAX_DEPTH 8
#define WORTH_COMPRESSING 512
#define HASH_LENGTH 8			/* least length of a content hash in a file name */
#define ETAG_SIZE 40

static const char CACHE_FOREVER[] = "public, max-age=31536000, immutable";
static const char CACHE_REVALIDATE[] = "no-cache";

typedef struct StaticFile
{
	char	   *path;			/* relative to the folder, with / between its parts */
	RigBuffer	plain;
	RigBuffer	gzip;			/* empty when there is no compressed form */
	char		etag[ETAG_SIZE];
	char		gzip_etag[ETAG_SIZE];
	const char *content_type;
	const char *cache_control;
} StaticFile;

static const struct
{
	const char *extension;
	const char *content_type;
	bool		compressible;
}			TYPES[] = {
	{".html", "text/html; charset=utf-8", true},
	{".js", "text/javascript; charset=utf-8", true},
	{".mjs", "text/javascript; charset=utf-8", true},
	{".css", "text/css; charset=utf-8", true},
	{".json", "application/json", true},
	{".map", "application/json", true},
	{".svg", "image/svg+xml", true},
	{".txt", "text/plain; charset=utf-8", true},
	{".webmanifest", "application/manifest+json", true},
	{".glb", "model/gltf-binary", true},
	{".png", "image/png", false},
	{".jpg", "image/jpeg", false},
	{".webp", "image/webp", false},
	{".ico", "image/x-icon", false},
	{".woff2", "font/woff2", false},
	{"", "application/octet-stream", false},
};

static StaticFile *files;
static int	file_count;
static size_t total_bytes;

static bool
ends_with(const char *text, const char *end)
{
	size_t		length = strlen(text);
	size_t		end_length = strlen(end);

	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static int
type_of(const char *path)
{
	int			i = 0;

	while (!ends_with(path, TYPES[i].extension))
		i++;
	return i;
}

/* Whether the name carries a hash of its content, as bundlers write it: main-4XKQ2ZTB.js */
static bool
has_content_hash(const char *path)
{
	const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	const char *dash = strrchr(name, '-');
	size_t		length;

	if (dash == NULL)
		return false;
	length = strspn(dash + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
	return length >= HASH_LENGTH && dash[1 + length] == '.';
}

static void
set_etag(char etag[ETAG_SIZE], const RigBuffer *content)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	int			length = 0;

	SHA256((const unsigned char *) content->data, content->length, digest);
	length = snprintf(etag, ETAG_SIZE, "\"");
	for (int i = 0; i < 16; i++)
		length += snprintf(etag + length, ETAG_SIZE - (size_t) length, "%02x", digest[i]);
	snprintf(etag + length, ETAG_SIZE - (size_t) length, "\"");
}

static bool
read_file(int folder_fd, const char *name, RigBuffer *content)
{
	int			fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char		block[65536];
	ssize_t		length;

	if (fd < 0)
		return false;
	rig_buffer_text(content, "");
	while ((length = read(fd, block, sizeof(block))) > 0 && total_bytes <= MAX_TOTAL_BYTES)
	{
		rig_buffer_append(content, block, (size_t) length);
		total_bytes += (size_t) length;
	}
	close(fd);
	return length == 0;
}

static void
compress_file(StaticFile *file)
{
	z_stream	stream = {0};
	uLong		bound;

	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	bound = deflateBound(&stream, (uLong) file->plain.length);
	stream.next_in = (unsigned char *) file->plain.data;
	stream.avail_in = (uInt) file->plain.length;
	if (rig_buffer_reserve(&file->gzip, bound))
	{
		stream.next_out = (unsigned char *) file->gzip.data;
		stream.avail_out = (uInt) bound;
		if (deflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out < file->plain.length)
			file->gzip.length = stream.total_out;
	}
	deflateEnd(&stream);
}

static void
load_file(int folder_fd, const char *name, const char *path)
{
	StaticFile *file;
	int			type = type_of(path);
	char		compressed[NAME_MAX + 4];

	if (file_count == MAX_FILES)
		return;
	files = realloc(files, (size_t) (file_count + 1) * sizeof(StaticFile));
	if (files == NULL)
		abort();
	file = &files[file_count];
	*file = (StaticFile) {0};
	if (!read_file(folder_fd, name, &file->plain))
	{
		rig_buffer_release(&file->plain);
		return;
	}
	file->path = rig_copy_text(path, strlen(path));
	file->content_type = TYPES[type].content_type;
	file->cache_control = has_content_hash(path) ? CACHE_FOREVER : CACHE_REVALIDATE;
	snprintf(compressed, sizeof(compressed), "%s.gz", name);
	if (!read_file(folder_fd, compressed, &file->gzip) && TYPES[type].compressible &&
		file->plain.length >= WORTH_COMPRESSING)
		compress_file(file);
	set_etag(file->etag, &file->plain);
	if (file->gzip.length > 0)
		set_etag(file->gzip_etag, &file->gzip);
	file_count++;
}

static void load_folder(int folder_fd, const char *prefix, int depth);

static void
load_entry(int folder_fd, const char *name, const char *prefix, int depth)
{
	struct stat status;
	char		path[PATH_MAX];

	if (name[0] == '.' || fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
		snprintf(path, sizeof(path), "%s%s", prefix, name) >= (int) sizeof(path) - 1)
		return;
	if (S_ISDIR(status.st_mode) && depth < MAX_DEPTH)
	{
		int			fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		strcat(path, "/");
		if (fd >= 0)
			load_folder(fd, path, depth + 1);
	}
	else if (S_ISREG(status.st_mode) && !ends_with(name, ".gz"))
		load_file(folder_fd, name, path);
}

/* Loads all files below an open folder, which it closes. */
static void
load_folder(int folder_fd, const char *prefix, int depth)
{
	DIR		   *folder = fdopendir(folder_fd);
	struct dirent *entry;

	if (folder == NULL)
	{
		close(folder_fd);
		return;
	}
	while ((entry = readdir(folder)) != NULL)
		load_entry(dirfd(folder), entry->d_name, prefix, depth);
	closedir(folder);
}

static int
compare_files(const void *left, const void *right)
{
	return strcmp(((const StaticFile *) left)->path, ((const StaticFile *) right)->path);
}

void
rig_static_files_load(const char *folder)
{
	int			fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
	{
		rig_log("error", "no page", "RIGALPHA_WEB_ROOT cannot be read: %s", strerror(errno));
		return;
	}
	load_folder(fd, "", 0);
	if (file_count > 0)
		qsort(files, (size_t) file_count, sizeof(StaticFile), compare_files);
}

void
rig_static_files_release(void)
{
	for (int i = 0; i < file_count; i++)
	{
		rig_buffer_release(&files[i].plain);
		rig_buffer_release(&files[i].gzip);
		free(files[i].path);
	}
	free(files);
	files = NULL;
	file_count = 0;
}

static const StaticFile *
find_file(const RigUrl *url)
{
	StaticFile	wanted = {0};
	RigBuffer	path = {0};
	const StaticFile *file = NULL;

	for (int i = 0; i < url->segment_count; i++)
		rig_buffer_format(&path, "%s%s", i > 0 ? "/" : "", url->segments[i]);
	if (path.length == 0 || path.data[path.length - 1] == '/')
		rig_buffer_text(&path, "index.html");
	wanted.path = path.data;
	if (file_count > 0)
		file = bsearch(&wanted, files, (size_t) file_count, sizeof(StaticFile), compare_files);
	rig_buffer_release(&path);
	return file;
}

/* Whether Accept-Encoding takes gzip; a weight of zero refuses it. */
static bool
accepts_gzip(const RigRequest *request)
{
	const char *header = rig_request_header(request, "Accept-Encoding");
	const char *found = header != NULL ? strstr(header, "gzip") : NULL;

	if (found == NULL)
		return false;
	found += strlen("gzip");
	found += strspn(found, " ;");
	return strncmp(found, "q=0", 3) != 0 || strspn(found + 3, ".0") != strcspn(found + 3, ", ");
}

bool
rig_handle_static(RigRequest *request)
{
	const StaticFile *file = find_file(&request->url);
	const char *known = rig_request_header(request, "If-None-Match");
	RigResponse *response = &request->response;
	const char *etag;
	bool		gzip;

	if (file == NULL)
	{
		rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, NULL);
		return true;
	}
	gzip = file->gzip.length > 0 && accepts_gzip(request);
	etag = gzip ? file->gzip_etag : file->etag;
	response->cache_control = file->cache_control;
	rig_response_header(response, "ETag", "%s", etag);
	if (file->gzip.length > 0)
		rig_response_header(response, "Vary", "Accept-Encoding");
	if (known != NULL && (strcmp(known, "*") == 0 || strstr(known, etag) != NULL))
	{
		response->status = 304;
		return true;
	}
	response->status = 200;
	response->content_type = file->content_type;
	response->static_bytes = gzip ? file->gzip.data : file->plain.data;
	response->static_length = gzip ? file->gzip.length : file->plain.length;
	if (gzip)
		rig_response_header(response, "Content-Encoding", "gzip");
	return true;
}
