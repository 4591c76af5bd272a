-- What has ended, in the order in which it did, for whoever follows it. An end is put behind the ones before it, so it
-- costs a sender one more entry of some 15 bytes on a page that the ends around it share; what is open is not in it.
CREATE INDEX deliveries_by_end ON deliveries (ended_at) WHERE ended_at IS NOT NULL;
