-- When a device last got its mail. Those that were verified are taken for served when they were last seen, until they are next.
ALTER TABLE devices ADD COLUMN last_served BIGINT;
UPDATE devices SET last_served = last_seen WHERE stranger = 0;
