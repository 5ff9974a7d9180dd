-- A store that version 9 of the schema left behind: what one of version 8 has. Migrations are run on it; never edit it.
BEGIN TRANSACTION;
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
INSERT INTO "_sqlx_migrations" VALUES(1,'schema','2026-05-08 14:20:00',1,X'A0F35C19CD5155F10E51DD0EBE18D69DF8759ECFEF3C146E64714F1FC48D109FBD5ADA323D9BB951AF3599002989EB64',1000000);
INSERT INTO "_sqlx_migrations" VALUES(2,'orders','2026-05-08 14:20:00',1,X'0771969A1C7D14E9F804CD8B3852A7EEA1E363B78151ADBFF36F48D19A3C323B210E122A86A1E00926BE10CB61912B63',1000000);
INSERT INTO "_sqlx_migrations" VALUES(3,'fallback','2026-05-08 14:20:00',1,X'45C81F1D71632FE0BCCD16BD0DFEC2201DA8CC912F7E0BF7F555B1DFE48855D3DD95593EECFB10BB267C15E425C2E411',1000000);
INSERT INTO "_sqlx_migrations" VALUES(4,'rate','2026-05-08 14:20:00',1,X'8543C5D64420ED4CB63AECD960D0A6AAE59D47C67A0D2703BAA3B2E5E14648120A67131A61DFFDF0D9655ADF182C435D',1000000);
INSERT INTO "_sqlx_migrations" VALUES(5,'reports','2026-05-08 14:20:00',1,X'A02477D502BA10D1CA9CEDEEC16D00FB7D279616780610E99E3D25E7931D65CC7A592DB00597B3D18497B0A9EBCF80C8',1000000);
INSERT INTO "_sqlx_migrations" VALUES(6,'readings','2026-05-08 14:20:00',1,X'499D24213CCEDBA58A82F7875DABC54F8A0C40877176357F22881B2E47C299AE381DC13A82E0B2C023CE32CB260939C6',1000000);
INSERT INTO "_sqlx_migrations" VALUES(7,'links','2026-05-08 14:20:00',1,X'593D85DD915432B6B022C6651B33637042AF0E178C1F179E32B1FE85E6D11625C7CCE8F9F8C812BCDE369AE05892B282',1000000);
INSERT INTO "_sqlx_migrations" VALUES(8,'leases','2026-05-08 14:20:00',1,X'78E7C3EE48473E7E7695A551E9489D56056E37D1AB1A69E652EEE838E5C135B15D4D63DE80AC51291B2ECB287F84A74A',1000000);
INSERT INTO "_sqlx_migrations" VALUES(9,'looks','2026-05-08 14:20:00',1,X'578F43F1B6FC0C14F4D07D8A1A38A200C8B37C986699F2673C6C512802B846C07ECA1F323E5C99F3D19E20EE093489A4',1000000);
CREATE TABLE alert (
    brand TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, subject, rule)
) WITHOUT ROWID;
INSERT INTO "alert" VALUES('sahil','brand','sold-out','{"Pending":{"since":1778250000000,"baseline":true}}');
INSERT INTO "alert" VALUES('sahil','item:1:54','sold-out','{"Open":{"episode":"5664f55107e9b13f","since":1778250000000,"opened_at":1778250000000,"clear_since":1778250000000,"baseline":false,"severity":"critical","told":["managers"],"held":[["ops",{"Silence":{"id":"0a0b0c0d"}}]],"acknowledged":{"by":"Anar","at":1778250000000,"reason":"supplier","note":"comes at noon","back_at":1778250000000},"label":"Lülə kabab","message":"Lülə kabab is out","station":3}}');
CREATE TABLE catalog (
    brand TEXT NOT NULL,
    venue INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, venue)
) WITHOUT ROWID;
INSERT INTO "catalog" VALUES('sahil',1,'{"v":1,"products":[],"stations":[{"id":3,"name":"Tandir","active":true,"kitchen":true,"printable":false}],"price_lists":[],"prices":[]}');
CREATE TABLE episode (
    id INTEGER PRIMARY KEY,
    brand TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    closed_ms INTEGER NOT NULL,
    body TEXT NOT NULL
);
INSERT INTO "episode" VALUES(1,'sahil','item:1:54','sold-out',1778250009000,'{"Open":{"episode":"5664f55107e9b13f","since":1778250000000,"opened_at":1778250000000,"clear_since":1778250000000,"baseline":false,"severity":"critical","told":["managers"],"held":[["ops",{"Silence":{"id":"0a0b0c0d"}}]],"acknowledged":{"by":"Anar","at":1778250000000,"reason":"supplier","note":"comes at noon","back_at":1778250000000},"label":"Lülə kabab","message":"Lülə kabab is out","station":3}}');
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    brand TEXT NOT NULL,
    venue INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL
);
INSERT INTO "history" VALUES(1,'sahil',1,1778250000000,'item:54','{"kind":"stop","before":null,"after":{"id":54,"limit":0,"seen_at":1778250000000,"since":1778250000000,"updated_at":1778250000000}}');
INSERT INTO "history" VALUES(2,'sahil',1,1778250000000,'station:3','{"kind":"station","before":null,"after":{"active":true,"id":3,"kitchen":true,"name":"Tandir","printable":false}}');
INSERT INTO "history" VALUES(3,'sahil',1,1778250000000,'list','{"kind":"unread","from":1778248000000,"until":1778249000000}');
CREATE TABLE link_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    key TEXT NOT NULL
);
INSERT INTO "link_key" VALUES(1,'00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff');
CREATE TABLE mail_group (
    brand TEXT NOT NULL,
    receiver TEXT NOT NULL,
    venue TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, receiver, venue)
) WITHOUT ROWID;
INSERT INTO "mail_group" VALUES('sahil','managers','1','{"v":1,"opened_at":1778250000000,"entries":[{"id":"entry","kind":"Opened","episode":"5664f55107e9b13f","rule":"sold-out","severity":"critical","label":"Lülə kabab","message":"Lülə kabab is out","at":1778250000000,"baseline":false}]}');
INSERT INTO "mail_group" VALUES('sahil','managers','brand','{"v":1,"opened_at":1778250000000,"entries":[{"id":"entry","kind":"Opened","episode":"5664f55107e9b13f","rule":"sold-out","severity":"critical","label":"Lülə kabab","message":"Lülə kabab is out","at":1778250000000,"baseline":false}]}');
CREATE TABLE mailed (
    brand TEXT NOT NULL,
    receiver TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, receiver)
) WITHOUT ROWID;
INSERT INTO "mailed" VALUES('sahil','managers','{"v":1,"at":[1778249000000,1778250000000]}');
CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    brand TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    answered_ms INTEGER,
    refused TEXT
);
INSERT INTO "orders" VALUES(1,'sahil',1778250000000,'{"Acknowledge":{"subject":"item:1:54","rule":"sold-out","episode":"e1","acknowledgement":{"by":"Anar","at":1778250000000,"reason":"supplier","note":"comes at noon","back_at":1778250000000}}}',1778250000000,'the alert is over');
INSERT INTO "orders" VALUES(2,'sahil',1778250000000,'{"Silence":{"v":1,"id":"0a0b0c0d","venue":1,"product":54,"category":null,"station":null,"rule":null,"from":1778250000000,"until":1778253600000,"until_back":true,"during":"lunch","by":"Anar","reason":"no delivery"}}',NULL,NULL);
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    notice TEXT NOT NULL,
    receiver TEXT NOT NULL,
    channel TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    summary TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead', 'expired')),
    attempts INTEGER NOT NULL DEFAULT 0,
    queued_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    finished_ms INTEGER,
    why TEXT, passed_to TEXT, passed_ms INTEGER,
    UNIQUE (notice, receiver, channel)
);
INSERT INTO "outbox" VALUES(1,'n1','managers','webhook',1778250000000,'sold-out: n1','{"Webhook":{"body":"{\"id\":\"n1\"}"}}','delivered',1,1778250000000,1778250000000,1778250001000,NULL,NULL,NULL);
INSERT INTO "outbox" VALUES(2,'n1','managers','mqtt',1778250000000,'sold-out: n1','{"Mqtt":{"topic":"eightysix/v1/sahil/1/event","body":"{}","retain":false,"expiry_s":600,"content_type":null,"properties":[]}}','waiting',0,1778250000000,1778250000000,NULL,NULL,NULL,NULL);
INSERT INTO "outbox" VALUES(3,'n2','managers','webhook',1778250000000,'sold-out: n2','{"Webhook":{"body":"{\"id\":\"n2\"}"}}','dead',1,1778250000000,1778250000000,1778250001000,'410 Gone','office',1778250031000);
INSERT INTO "outbox" VALUES(4,'n3','managers','webhook',1778250000000,'sold-out: n3','{"Webhook":{"body":"{\"id\":\"n3\"}"}}','waiting',1,1778250000000,1778250000000,NULL,NULL,NULL,NULL);
INSERT INTO "outbox" VALUES(5,'n4','managers','webhook',1778250000000,'sold-out: n4','{"Webhook":{"body":"{\"id\":\"n4\"}"}}','waiting',0,1778250000000,1778250000000,NULL,NULL,NULL,NULL);
INSERT INTO "outbox" VALUES(6,'n5','managers','mqtt',1778250000000,'sold-out: n5','{"Mqtt":{"topic":"eightysix/v1/sahil/1/event","body":"{}","retain":false,"expiry_s":600,"content_type":null,"properties":[]}}','expired',1,1778250000000,1778250000000,1778250900000,'15 min old when it could be told',NULL,NULL);
CREATE TABLE published (
    broker TEXT NOT NULL,
    topic TEXT NOT NULL,
    PRIMARY KEY (broker, topic)
) WITHOUT ROWID;
INSERT INTO "published" VALUES('kitchen','eightysix/v1/sahil/1/stop');
CREATE TABLE reading (
    brand TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO "reading" VALUES('sahil','{"v":1,"read_at":[[1,1778250040000]]}');
CREATE TABLE report (
    brand TEXT NOT NULL,
    receiver TEXT NOT NULL,
    venue INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, receiver, venue, kind)
) WITHOUT ROWID;
INSERT INTO "report" VALUES('sahil','managers',1,'handover','{"v":1,"since":1778249000000,"days":["2026-05-07"]}');
CREATE TABLE silence (
    brand TEXT NOT NULL,
    silence TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, silence)
) WITHOUT ROWID;
INSERT INTO "silence" VALUES('sahil','0a0b0c0d','{"v":1,"id":"0a0b0c0d","venue":1,"product":54,"category":null,"station":null,"rule":null,"from":1778250000000,"until":1778253600000,"until_back":true,"during":"lunch","by":"Anar","reason":"no delivery"}');
CREATE TABLE venue (
    brand TEXT NOT NULL,
    venue INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, venue)
) WITHOUT ROWID;
INSERT INTO "venue" VALUES('sahil',1,'{"v":1,"name":"Sahil","active":true,"rows":[{"id":54,"limit":0,"updated_at":1778250000000,"since":1778250000000,"seen_at":1778250000000}],"returned":[],"outages":[[61,1778249000000,1778250000000]],"gaps":[[1778248000000,1778249000000]],"read_at":1778250000000,"changed_at":null,"catalog_read_at":null,"stations_read_at":null,"prices_read_at":null,"missing_products":[],"missing_stations":[],"unknown_products":[],"seq":1}');
CREATE INDEX history_by_subject ON history (brand, venue, subject, at_ms);
CREATE INDEX history_by_time ON history (at_ms);
CREATE INDEX outbox_waiting ON outbox (receiver, channel) WHERE state = 'waiting';
CREATE INDEX outbox_finished ON outbox (state, finished_ms) WHERE finished_ms IS NOT NULL;
CREATE INDEX orders_waiting ON orders (id) WHERE answered_ms IS NULL;
CREATE INDEX episode_by_subject ON episode (brand, subject, closed_ms);
CREATE INDEX episode_by_time ON episode (closed_ms);
CREATE INDEX episode_by_id ON episode (brand, json_extract(body, '$.Open.episode'));
CREATE INDEX outbox_untold ON outbox (receiver) WHERE passed_ms IS NULL AND state IN ('waiting', 'dead', 'expired');
CREATE INDEX history_by_venue ON history (brand, venue, at_ms);
CREATE INDEX outbox_ended ON outbox (state, receiver, channel) WHERE finished_ms IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('orders',2);
COMMIT;
