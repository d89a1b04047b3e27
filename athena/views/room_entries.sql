-- One row per room and course of the reference data, with the days on which the course has the room.
--
-- Equal rows of several files are one. A day that is not written as YYYY-MM-DD is no bound, so that the
-- room has the course rather than none.
WITH entries AS (
  SELECT DISTINCT
    entry_id,
    course_id,
    nullif(course_name, '') AS course_name,
    CASE WHEN regexp_like(valid_from, '^\d{4}-\d{2}-\d{2}$') AND TRY_CAST(valid_from AS date) IS NOT NULL THEN valid_from END AS valid_from,
    CASE WHEN regexp_like(valid_to, '^\d{4}-\d{2}-\d{2}$') AND TRY_CAST(valid_to AS date) IS NOT NULL THEN valid_to END AS valid_to
  FROM rooms
  WHERE course_id <> ''
)
SELECT
  entry_id AS entry_id, -- Room.
  course_id AS course_id, -- Course.
  course_name AS course_name, -- Name of the course, as in the reference data.
  valid_from AS valid_from, -- First day, inclusive; NULL if there is no bound.
  valid_to AS valid_to -- First day after, exclusive; NULL if there is no bound.
FROM entries
