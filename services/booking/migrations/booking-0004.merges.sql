-- depends: booking-0003.freed-slots
-- Claims on a patient beyond the first lane: visits that a merge of two records brought together at one time.

-- Nothing is in it before the first merge, and claims of the past are purged.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX claim_of_double_booking ON claim (appointment_id) WHERE kind = 'patient' AND lane > 0;
