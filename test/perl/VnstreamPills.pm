# VnstreamPills: messages that cannot be a row, for the tests that put them into
# a topic.
package VnstreamPills;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(old_fields pills);

my $old = '"volume": 200, "total_volume": 1877000, "change": -800.0, "change_percent": -1.315789,'
  . ' "ceiling_price": 65000, "floor_price": 56600, "reference_price": 60800, "highest_price": 60900,'
  . ' "lowest_price": 59900, "bid_price": 60000, "ask_price": 60100';

# The old deployment's own sample, literally.
my $sample = '{"ticker": "VIC", "time": "2025-10-12T14:12:50.804477", "price": 15.47, "volume": 9217126554917738496,'
  . ' "total_volume": 0, "change": 0.0, "change_percent": 0.0, "ceiling_price": 0.0, "floor_price": 0.0,'
  . ' "reference_price": 0.0, "highest_price": 0.0, "lowest_price": 0.0, "bid_price": 0.0, "ask_price": 0.0}';

my @pills = (
	[ 'the old deployment\'s sample', $sample, qr/9217126554917738496.*100000000000.*15\.47.*100/ ],
	[ 'not JSON', 'hello', qr/not JSON/ ],
	[ 'not an object', '[1, 2]', qr/object/ ],
	[ 'a bare number', '42', qr/object/ ],
	[ 'no ticker', qq({"time": "2026-08-04T11:29:58", "price": 60000, $old}), qr/"ticker" is missing/ ],
	[ 'no time', qq({"ticker": "VCB", "price": 60000, $old}), qr/"time" is missing/ ],
	[ 'ticker of a wrong shape', qq({"ticker": "vcb", "time": "2026-08-04T11:29:58", $old}), qr/ticker/ ],
	[ 'ticker with SQL in it', qq|{"ticker": "'); DROP TABLE--", "time": "2026-08-04T11:29:58", $old}|, qr/ticker/ ],
	[ 'price as text', qq({"ticker": "VCB", "time": "2026-08-04T11:29:58", "price": "60000", $old}), qr/"price"/ ],
	[ 'half a share', '{"ticker": "VCB", "time": "2026-08-04T11:29:58", "price": 60000, "volume": 1.5}', qr/"volume"/ ],
	[ 'volume beyond 64 bits', '{"ticker": "VCB", "time": "2026-08-04T11:29:58", "price": 60000, "volume": 9223372036854775808}', qr/volume/ ],
	[ 'negative volume', '{"ticker": "VCB", "time": "2026-08-04T11:29:58", "price": 60000, "volume": -1}', qr/volume/ ],
	[ 'price in thousand VND', '{"ticker": "VCB", "time": "2026-08-04T11:29:58", "price": 60.0}', qr/price 60/ ],
	[ 'NaN', '{"ticker": "VCB", "time": "2026-08-04T11:29:58", "price": NaN}', qr/not JSON/ ],
	[ '1e400', '{"ticker": "VCB", "time": "2026-08-04T11:29:58", "price": 1e400}', qr/1e400/ ],
	[ '2^53+1', '{"ticker": "VCB", "time": "2026-08-04T11:29:58", "total_volume": 9007199254740993}', qr/9007199254740993/ ],
	[ 'a zero byte', '{"ticker": "V\u0000B", "time": "2026-08-04T11:29:58"}', qr/u0000/ ],
	[ 'invalid UTF-8', qq({"ticker": "VCB", "time": "2026-08-04T11:29:58", "session": "\xff\xfe"}), qr/UTF-8/ ],
	[ 'duplicate keys', '{"ticker": "VCB", "ticker": "FPT", "time": "2026-08-04T11:29:58"}', qr/"ticker"/ ],
	[ 'keys in the wrong case', '{"Ticker": "VCB", "time": "2026-08-04T11:29:58"}', qr/"Ticker"/ ],
	[ 'text after the object', '{"ticker": "VCB", "time": "2026-08-04T11:29:58"} x', qr/end of the text/ ],
	[ '20,000 levels', '[' x 20000 . ']' x 20000, qr/nest|deep/ ],
	[ 'an impossible date', '{"ticker": "VCB", "time": "2026-02-30T11:29:58"}', qr/"time"/ ],
	[ 'a time before the market', '{"ticker": "VCB", "time": "1999-01-01T00:00:00"}', qr/time/ ],
	[ 'a time in the future', '{"ticker": "VCB", "time": "2100-01-01T00:00:00"}', qr/time/ ],
	[ '1 MB', '{"ticker": "VCB", "time": "2026-08-04T11:29:58", "note": "' . 'x' x 1_048_000 . '"}', qr/long/ ]);


# The other fields of a message of the old deployment.
sub old_fields { return $old; }

# [name, message, what the reason must say], each.
sub pills { return @pills; }

1;
