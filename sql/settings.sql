--
-- Every setting: its default, unit, range and description, and what it refuses.
--
SELECT name, setting, unit, context, vartype, min_val, max_val
FROM pg_settings WHERE name LIKE 'vnstream.%'
  AND name NOT IN ('vnstream.user_agent', 'vnstream.brokers', 'vnstream.vci_url', 'vnstream.kbs_url', 'vnstream.allow_insecure_source', 'vnstream.indices')
ORDER BY name;
SELECT name, boot_val, context FROM pg_settings
WHERE name IN ('vnstream.brokers', 'vnstream.vci_url', 'vnstream.kbs_url', 'vnstream.allow_insecure_source', 'vnstream.schedule', 'vnstream.indices')
ORDER BY name;
SELECT name AS "settings without a word on when to change them" FROM pg_settings
WHERE name LIKE 'vnstream.%' AND (short_desc IS NULL OR extra_desc IS NULL);

-- names that do not exist are refused, not kept
SET vnstream.intervall = '5s';

SET vnstream.brokers = '';
SET vnstream.brokers = 'kafka1:9092,,kafka2:9092';
SET vnstream.brokers = 'kafka1:99999';
SET vnstream.brokers = 'http://kafka1:9092';
SET vnstream.brokers = 'kafka1:9092, [::1]:9093';
SET vnstream.kafka_config_file = 'kafka.properties';
SET vnstream.kafka_config_file = E'/etc/kafka\n.properties';
SET vnstream.kafka_config_file = '/etc/kafka.properties';
SET vnstream.topic = 'stock quotes';
SET vnstream.topic = '..';
SET vnstream.topic = '';
SET vnstream.group_id = 'a group';
SET vnstream.partitions = 0;
SET vnstream.replication_factor = 0;
SET vnstream.topic_retention = 0;
SET vnstream.topic_retention = '7d';
SHOW vnstream.topic_retention;
SET vnstream.on_lost_offsets = 'ignore';
SET vnstream.sources = 'reuters';
SET vnstream.sources = '';
SET vnstream.sources = 'vci,';
SET vnstream.sources = 'vci, kbs, vci';
SET vnstream.sources = 'VCI';
SET vnstream.sources = E'vci\nkbs';
SET vnstream.sources = ' kbs ,vci';
SHOW vnstream.sources;
RESET vnstream.sources;
SET vnstream.kbs_url = 'kbbuddywts.kbsec.com.vn/iis-server/investment/';
SET vnstream.kbs_url = 'https://kbbuddywts.kbsec.com.vn/iis-server/investment';
SET vnstream.vci_url = 'trading.vietcap.com.vn/api/';
SET vnstream.vci_url = 'ftp://trading.vietcap.com.vn/api/';
SET vnstream.vci_url = 'https://user:password@trading.vietcap.com.vn/api/';
SET vnstream.vci_url = 'https://trading.vietcap.com.vn/api/?key=1';
SET vnstream.vci_url = 'https://trading.vietcap.com.vn/api';
SET vnstream.symbols = '';
SET vnstream.symbols = 'VCB,,FPT';
SET vnstream.symbols = 'vcb';
SET vnstream.symbols = 'VCB;DROP TABLE';
SET vnstream.symbols = 'FU_INDEX';
SET vnstream.symbols = 'VN30, HOSE,ETF, VCB';
SET vnstream.symbols = 'VCB,41I1G5000';
SET vnstream.symbols = 'VPI124001';
SET vnstream.hot_symbols = '';
SET vnstream.hot_symbols = 'VN30, VCB';
SET vnstream.indices = '';
SET vnstream.indices = 'VNINDEX, HNXINDEX';
SET vnstream.indices = 'vnindex';
SET vnstream.indices = 'A,B,C,D,E,F,G,H,I,J,K,L,M,N,O,P,Q';
RESET vnstream.indices;
SET vnstream.hot_symbols = 'vcb';
SET vnstream.hot_symbols = 'VCB,';
SET vnstream.hot_interval = '499ms';
SET vnstream.hot_interval = 2;
SET vnstream.hot_interval = '2s';
SHOW vnstream.hot_interval;
SET vnstream.interval = 0;
SET vnstream.interval = '5min';
SHOW vnstream.interval;
SET vnstream.schedule = 'weekdays';
SET vnstream.symbols_per_request = 0;
SET vnstream.requests_in_flight = 33;
SET vnstream.requests_per_minute = 0;
SET vnstream.http_timeout = '1ms';
SET vnstream.http_max_response = '1TB';
SET vnstream.user_agent = E'a\nb';
SET vnstream.user_agent = '';
SET vnstream.http_headers = 'no colon';
SET vnstream.http_headers = 'Host: elsewhere';
SET vnstream.http_headers = E'Accept-Language: vi\nX-Team: desk';
SET vnstream.http_proxy = 'proxy.example.com:3128';
SET vnstream.http_proxy = 'socks5://proxy.example.com:1080';
SET vnstream.http_proxy = 'http://desk:secret@proxy.example.com:3128';
SET vnstream.http_proxy = 'http://proxy.example.com';
SET vnstream.http_proxy = 'http://proxy.example.com:3128/path';
SET vnstream.http_proxy = 'http://proxy.example.com:3128/';
SET vnstream.http_proxy = 'https://proxy.example.com:3129';
SET vnstream.ca_file = 'our-ca.pem';
SET vnstream.ca_file = E'/etc/ssl/our\nca.pem';
SET vnstream.ca_file = '/etc/ssl/our-ca.pem';
RESET vnstream.http_proxy;
RESET vnstream.ca_file;
SET vnstream.heartbeat = -1;
SET vnstream.consumers = 17;
SET vnstream.batch_size = 0;
SET vnstream.outbox_limit = '1kB';
SET vnstream.rejects_limit = -1;
SET vnstream.rejects_limit = 1000001;
SET vnstream.retention = '30d';
SET vnstream.retention = 365;
SET vnstream.retention = '365d';
SHOW vnstream.retention;
RESET vnstream.retention;
SET vnstream.run = 'on';
SET vnstream.enabled = off;
SET vnstream.max_databases = 8;
SET vnstream.max_symbols = 10000;

-- only a superuser sets them; everybody may read them, so none holds a secret
CREATE ROLE regress_vnstream_user;
SET ROLE regress_vnstream_user;
SET vnstream.topic = 'mine';
RESET ROLE;
DROP ROLE regress_vnstream_user;

-- for one database
ALTER DATABASE contrib_regression SET vnstream.interval = '5s';
ALTER DATABASE contrib_regression RESET vnstream.interval;
