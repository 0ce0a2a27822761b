# vnstock_stream: make, make install and make installcheck are PGXS's; make demo
# and make test do all the set-up by themselves.

EXTENSION = vnstock_stream
# the control file is the one source of the version
EXTVERSION = $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)

MODULE_big = $(EXTENSION)
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))
DATA = sql/$(EXTENSION)--$(EXTVERSION).sql
DOCS = README.md

PG_CONFIG ?= pg_config
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server) \
	-DVNSTREAM_VERSION='"$(EXTVERSION)"' $(NDEBUG)
# asserts of the plain C rooms are for the unit tests: here they would end the server
NDEBUG = -DNDEBUG
# unused parameters come with callbacks whose signatures are others'
PG_CFLAGS = -Wextra -Wno-unused-parameter -Wshadow $(WERROR)
WERROR = -Werror
# our calls are of our functions, also where another library of the server has
# one of the same name: before PostgreSQL 16 all names of all are visible to all
SHLIB_LINK = -Wl,-Bsymbolic -lcurl -lrdkafka -lcjson -lpthread -lm

# pg_regress, in an instance of its own that is gone afterwards
REGRESS = settings vnstock_stream rights
REGRESS_OPTS = --temp-instance=./tmp_check_regress --temp-config=test/regress.conf \
	--no-locale --encoding=UTF8
EXTRA_CLEAN = tmp_check tmp_check_regress $(OBJS:.o=.d)

# make demo and make test come before there is a PostgreSQL to build for
ifneq ($(shell command -v $(PG_CONFIG)),)
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PostgreSQL's own flags are those of the compiler that built it
ifneq ($(findstring clang,$(CC)),)
override CFLAGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument \
	-Wno-ignored-attributes
endif

# every object knows its headers
override CFLAGS += -MMD -MP
-include $(OBJS:.o=.d)
else
all install installcheck clean:
	@echo "no pg_config here; run test/setup build, or set PG_CONFIG" >&2; exit 1
endif

# The same sources by the other compiler; nothing is kept. PostgreSQL's headers,
# configured for gcc, name a printf attribute that clang does not know.
CLANG ?= clang
LINT_FLAGS = -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Wshadow -Wmissing-prototypes \
	-Wdeclaration-after-statement -Wvla -Wno-ignored-attributes -Werror \
	-fsyntax-only -D_GNU_SOURCE
lint:
	set -e; for file in $(OBJS:.o=.c); do $(CLANG) $(LINT_FLAGS) $(PG_CPPFLAGS) $$file; done

# Set-up included; see the scripts.
demo:
	demo/demo

test:
	test/run

# Faults at random for MINUTES; SEED makes the same random choices again.
MINUTES ?= 20
soak:
	test/soak/run $(MINUTES) $(SEED)

.PHONY: demo lint soak test
