/*-------------------------------------------------------------------------
 *
 * config_file.c
 *	  A file of librdkafka properties, for TLS and passwords to the brokers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE				/* explicit_bzero */
#endif

#include "broker/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "broker/config_keys.h"

/* A shorter value would take half of a sentence with it. */
#define HIDDEN_MIN_LENGTH 4

/* Longest key that a message shows. */
#define SHOWN_KEY_MAX 64

static bool add_fault(ConfigFile *file, int line, const char *format,...)
			__attribute__((format(printf, 3, 4)));

static bool
add_fault(ConfigFile *file, int line, const char *format,...)
{
	ConfigFault *fault;
	va_list		arguments;

	if (file->fault_count++ >= CONFIG_FILE_MAX_FAULTS)
		return false;
	fault = &file->faults[file->fault_count - 1];
	fault->line = line;
	va_start(arguments, format);
	vsnprintf(fault->text, sizeof(fault->text), format, arguments);
	va_end(arguments);
	return false;
}

/* FNV-1a: tells one content from another, nothing more. */
static uint64_t
hash_of(const char *text, size_t length)
{
	uint64_t	hash = UINT64_C(14695981039346656037);
	size_t		i;

	for (i = 0; i < length; i++)
	{
		hash ^= (unsigned char) text[i];
		hash *= UINT64_C(1099511628211);
	}
	return hash;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * May an unknown key be shown?  What is left of '=' can be a piece of a secret
 * that was broken into lines; base64 has no dot.
 */
static bool
looks_like_key(const char *name)
{
	bool		has_dot = false;
	size_t		i;

	for (i = 0; name[i] != '\0'; i++)
	{
		char		c = name[i];

		if (c == '.')
			has_dot = true;
		else if (!(c >= 'a' && c <= 'z') && c != '_' && c != '-')
			return false;
	}
	return has_dot && i <= SHOWN_KEY_MAX;
}

static bool
has_control_character(const char *text)
{
	for (; *text != '\0'; text++)
	{
		if (((unsigned char) *text < ' ' && *text != '\t') || *text == 0x7f)
			return true;
	}
	return false;
}

/* In place: "\n" of two characters becomes a line's end. */
static void
unescape_lines(char *value)
{
	char	   *to = value;

	for (; *value != '\0'; value++)
	{
		if (value[0] == '\\' && value[1] == 'n')
		{
			*to++ = '\n';
			value++;
		}
		else
			*to++ = *value;
	}
	*to = '\0';
}

static bool
ends_with(const char *text, const char *end)
{
	size_t		length = strlen(text);

	return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static bool
is_allowed_value(const ConfigKey *key, const char *value)
{
	rd_kafka_conf_t *conf;
	char		ignored[512];	/* it quotes the value */
	bool		answer;
	int			i;

	if (key->values != NULL)
	{
		/* librdkafka knows protocols in any case, mechanisms as they are */
		for (i = 0; key->values[i] != NULL; i++)
		{
			if (strcmp(key->values[i], value) == 0)
				return true;
		}
		return strcmp(key->name, "security.protocol") == 0 &&
			(strcasecmp(value, "plaintext") == 0 || strcasecmp(value, "ssl") == 0 ||
			 strcasecmp(value, "sasl_plaintext") == 0 || strcasecmp(value, "sasl_ssl") == 0);
	}
	conf = rd_kafka_conf_new();
	answer = rd_kafka_conf_set(conf, key->name, value, ignored, sizeof(ignored)) ==
		RD_KAFKA_CONF_OK;
	rd_kafka_conf_destroy(conf);
	explicit_bzero(ignored, sizeof(ignored));
	return answer;
}

static const ConfigSetting *
find_setting(const ConfigFile *file, const char *name)
{
	int			i;

	for (i = 0; i < file->setting_count; i++)
	{
		if (strcmp(file->settings[i].name, name) == 0)
			return &file->settings[i];
	}
	return NULL;
}

static void
take_setting(ConfigFile *file, int line, const char *name, char *value)
{
	const ConfigKey *key = config_key_find(name);
	const ConfigSetting *earlier;
	ConfigSetting *setting;

	if (key == NULL)
	{
		const char *why = config_key_refusal(name);

		if (why != NULL && strlen(name) <= SHOWN_KEY_MAX && !has_control_character(name))
			add_fault(file, line, "\"%s\" %s", name, why);
		else if (looks_like_key(name))
			add_fault(file, line, "\"%s\" is not among the keys that are allowed here", name);
		else
			add_fault(file, line, "what stands before '=' is not a key");
		return;
	}
	name = key->same_as != NULL ? key->same_as : key->name;
	earlier = find_setting(file, name);
	if (earlier != NULL)
	{
		add_fault(file, line, "\"%s\" stands in line %d already", key->name, earlier->line);
		return;
	}
	if (value[0] == '\0')
	{
		add_fault(file, line, "\"%s\" has no value", key->name);
		return;
	}
	if (has_control_character(value))
	{
		add_fault(file, line, "the value of \"%s\" has a control character", key->name);
		return;
	}
	if (ends_with(name, ".pem"))
		unescape_lines(value);
	if (!is_allowed_value(key, value))
	{
		if (key->only != NULL)
			add_fault(file, line, "\"%s\" %s", key->name, key->only);
		else
			add_fault(file, line, "librdkafka does not take the value of \"%s\"", key->name);
		return;
	}

	setting = &file->settings[file->setting_count++];
	setting->name = name;
	setting->value = value;
	setting->line = line;
	setting->use = key->use;
	setting->is_hidden = key->is_hidden;
}

/* One line, without its end; it may be written to. */
static void
take_line(ConfigFile *file, int line, char *text, char *end)
{
	char	   *equals;
	char	   *name_end;

	if (end > text && end[-1] == '\r')
		end--;
	while (text < end && is_blank(*text))
		text++;
	while (end > text && is_blank(end[-1]))
		end--;
	*end = '\0';
	if (text == end || *text == '#')
		return;
	if (strlen(text) != (size_t) (end - text))
	{
		add_fault(file, line, "it has a zero byte");
		return;
	}
	equals = strchr(text, '=');
	if (equals == NULL)
	{
		add_fault(file, line, "it is not key=value (a value is one line, with \\n for the lines of a certificate)");
		return;
	}
	name_end = equals;
	while (name_end > text && is_blank(name_end[-1]))
		name_end--;
	*name_end = '\0';
	if (name_end == text)
	{
		add_fault(file, line, "there is no key before '='");
		return;
	}
	for (equals++; is_blank(*equals); equals++)
		;
	take_setting(file, line, text, equals);
}

static void
forget_content(ConfigFile *file)
{
	if (file->text != NULL)
		explicit_bzero(file->text, file->length + 1);
	free(file->text);
	free(file->settings);
	file->text = NULL;
	file->settings = NULL;
	file->setting_count = 0;
}

/* Takes the text, which has room for one byte more. */
static bool
parse(ConfigFile *file, char *text, size_t length)
{
	char	   *line;
	char	   *end;
	int			number = 0;
	size_t		i;
	int			lines = 1;

	file->text = text;
	file->length = length;
	file->hash = hash_of(text, length);
	text[length] = '\0';
	for (i = 0; i < length; i++)
		lines += text[i] == '\n';
	file->settings = calloc((size_t) lines, sizeof(ConfigSetting));
	if (file->settings == NULL)
		return add_fault(file, 0, "out of memory");

	line = text;
	if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		line += 3;				/* a byte order mark, as some editors leave */
	for (; line <= text + length; line = end + 1)
	{
		end = memchr(line, '\n', (size_t) (text + length - line));
		if (end == NULL)
			end = text + length;
		take_line(file, ++number, line, end);
	}
	return file->fault_count == 0;
}

bool
config_file_parse(ConfigFile *file, const char *text, size_t length)
{
	char	   *copy;

	memset(file, 0, sizeof(*file));
	if (length > CONFIG_FILE_MAX_BYTES)
		return add_fault(file, 0, "the file is larger than 64 kB");
	copy = malloc(length + 1);
	if (copy == NULL)
		return add_fault(file, 0, "out of memory");
	memcpy(copy, text, length);
	return parse(file, copy, length);
}

static bool
check_status(ConfigFile *file, int descriptor)
{
	struct stat status;

	if (fstat(descriptor, &status) != 0)
		return add_fault(file, 0, "could not look at the file: %s", strerror(errno));
	if (!S_ISREG(status.st_mode))
		return add_fault(file, 0, "it is not a regular file");
	if (status.st_uid != geteuid() && status.st_uid != 0)
		return add_fault(file, 0, "the file belongs neither to the server's user nor to root");
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return add_fault(file, 0, "the file is open to others than its owner (mode %04o): it must have mode 0600 or 0400",
						 (unsigned) (status.st_mode & 07777));
	if (status.st_size > CONFIG_FILE_MAX_BYTES)
		return add_fault(file, 0, "the file is larger than 64 kB");
	return true;
}

static bool
read_content(ConfigFile *file, int descriptor)
{
	char	   *text = malloc(CONFIG_FILE_MAX_BYTES + 2);
	size_t		length = 0;

	if (text == NULL)
		return add_fault(file, 0, "out of memory");
	while (length <= CONFIG_FILE_MAX_BYTES)
	{
		ssize_t		count = read(descriptor, text + length,
								 CONFIG_FILE_MAX_BYTES + 1 - length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			add_fault(file, 0, "could not read the file: %s", strerror(errno));
		if (count <= 0)
			break;
		length += (size_t) count;
	}
	/* it may grow while it is read */
	if (length > CONFIG_FILE_MAX_BYTES)
		add_fault(file, 0, "the file is larger than 64 kB");
	if (file->fault_count > 0)
	{
		explicit_bzero(text, length);
		free(text);
		return false;
	}
	return parse(file, text, length);
}

bool
config_file_read(ConfigFile *file, const char *path)
{
	int			descriptor;
	bool		answer;

	memset(file, 0, sizeof(*file));
	/* NONBLOCK: a FIFO would wait for a writer */
	descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (descriptor >= 0)
	{
		answer = check_status(file, descriptor) && read_content(file, descriptor);
		close(descriptor);
	}
	else if (errno == ELOOP)
		answer = add_fault(file, 0, "it is a symbolic link, which is not followed");
	else
		answer = add_fault(file, 0, "could not open the file: %s", strerror(errno));
	if (file->text == NULL)
		file->hash = hash_of(file->faults[0].text, strlen(file->faults[0].text));
	return answer;
}

void
config_file_free(ConfigFile *file)
{
	if (file == NULL)
		return;
	forget_content(file);
	memset(file, 0, sizeof(*file));
}

const char *
config_file_value(const ConfigFile *file, const char *name)
{
	const ConfigSetting *setting = file == NULL ? NULL : find_setting(file, name);

	return setting == NULL ? NULL : setting->value;
}

void
config_file_tell_faults(const ConfigFile *file, char *text, size_t size)
{
	size_t		used = 0;
	int			i;

	text[0] = '\0';
	for (i = 0; i < file->fault_count; i++)
	{
		const ConfigFault *fault = &file->faults[i];
		char		one[CONFIG_FAULT_SIZE + 32];

		if (i < CONFIG_FILE_MAX_FAULTS)
		{
			if (fault->line > 0)
				snprintf(one, sizeof(one), "line %d: %s", fault->line, fault->text);
			else
				snprintf(one, sizeof(one), "%s", fault->text);
		}
		/* room for the last word where it does not fit */
		if (i >= CONFIG_FILE_MAX_FAULTS || (i > 0 && used + strlen(one) + 24 > size))
		{
			snprintf(text + used, size - used, "; and %d more", file->fault_count - i);
			return;
		}
		snprintf(text + used, size - used, "%s%s", i > 0 ? "; " : "", one);
		used = strlen(text);
	}
}

/* The prefix of one broker, in librdkafka's spelling; NULL for none. */
static const char *
broker_prefix(const char *broker)
{
	static const char *const known[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"};
	size_t		i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
	{
		size_t		length = strlen(known[i]);

		if (strncasecmp(broker, known[i], length) == 0 &&
			strncmp(broker + length, "://", 3) == 0)
			return known[i];
	}
	return NULL;
}

/* The first setting of the file whose name begins so, or NULL. */
static const ConfigSetting *
find_begin(const ConfigFile *file, const char *begin)
{
	int			i;

	for (i = 0; file != NULL && i < file->setting_count; i++)
	{
		if (strncmp(file->settings[i].name, begin, strlen(begin)) == 0)
			return &file->settings[i];
	}
	return NULL;
}

/*
 * What a protocol needs must be there, and what it cannot use must not: who
 * wrote a password or a certificate expects it to be used.
 */
static bool
check_needs(const ConfigFile *file, const char *protocol, char *error)
{
	static const char *const needed[] = {"sasl.mechanisms", "sasl.username", "sasl.password"};
	bool		has_sasl = strncmp(protocol, "sasl", 4) == 0;
	bool		has_tls = strstr(protocol, "ssl") != NULL;
	const ConfigSetting *idle = NULL;
	size_t		i;

	for (i = 0; has_sasl && i < sizeof(needed) / sizeof(needed[0]); i++)
	{
		if (config_file_value(file, needed[i]) == NULL)
		{
			snprintf(error, CONFIG_FAULT_SIZE,
					 "security.protocol %s needs \"%s\" in the file of vnstream.kafka_config_file",
					 protocol, needed[i]);
			return false;
		}
	}
	if (!has_sasl)
		idle = find_begin(file, "sasl.");
	if (!has_tls && idle == NULL)
		idle = find_begin(file, "ssl.");
	if (idle == NULL)
		return true;
	snprintf(error, CONFIG_FAULT_SIZE,
			 "line %d: \"%s\" has no use with security.protocol %s; is it to be %s?",
			 idle->line, idle->name, protocol,
			 strncmp(idle->name, "sasl", 4) == 0 ?
			 (has_tls ? "sasl_ssl" : "sasl_ssl or sasl_plaintext") :
			 (has_sasl ? "sasl_ssl" : "ssl or sasl_ssl"));
	return false;
}

const char *
config_file_protocol(const ConfigFile *file, const char *brokers, char *error)
{
	static const char *const protocols[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"};
	const char *given = config_file_value(file, "security.protocol");
	const char *agreed = NULL;
	size_t		i;

	for (i = 0; given != NULL && i < sizeof(protocols) / sizeof(protocols[0]); i++)
	{
		if (strcasecmp(protocols[i], given) == 0)
			agreed = protocols[i];
	}
	given = agreed;
	for (; *brokers != '\0'; brokers += strcspn(brokers, ","))
	{
		const char *prefix;

		brokers += strspn(brokers, ", \t");
		prefix = broker_prefix(brokers);
		if (prefix == NULL)
			continue;
		if (agreed != NULL && agreed != prefix && strcmp(agreed, prefix) != 0)
		{
			snprintf(error, CONFIG_FAULT_SIZE, "vnstream.brokers has a broker with %s://, and %s %s",
					 prefix, given != NULL ? "security.protocol is" : "another with", agreed);
			return NULL;
		}
		agreed = prefix;
	}
	if (agreed == NULL)
		agreed = "plaintext";
	return check_needs(file, agreed, error) ? agreed : NULL;
}

void
config_file_hide(const ConfigFile *file, char *text)
{
	int			i;

	for (i = 0; file != NULL && i < file->setting_count; i++)
	{
		const ConfigSetting *setting = &file->settings[i];
		size_t		length = strlen(setting->value);
		char	   *found;

		if (!setting->is_hidden || length < HIDDEN_MIN_LENGTH)
			continue;
		while ((found = strstr(text, setting->value)) != NULL)
		{
			memcpy(found, "***", 3);
			memmove(found + 3, found + length, strlen(found + length) + 1);
		}
	}
}
