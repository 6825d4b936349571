-- One select and no CTE: only such a view does Postgres take apart, and find a few of its rows by their keys. Columns that come
-- later come last: Postgres then replaces the view, and what stands upon it stays.
select
    -- ids
    events.event_key,
    events.job_id,
    events.publisher_id,
    events.campaign_id,
    events.group_id,
    -- what happened, and what brought the visit
    events.custom_track,
    events.utm_source,
    events.utm_medium,
    events.utm_campaign,
    events.bid,
    -- times
    events.event_at,
    events.kafka_timestamp,
    events.landed_at,
    -- quality and position
    events.is_from_future,
    events.bad_casts,
    events.load_id,
    events.topic_id,
    events.kafka_partition,
    events.kafka_offset,
    events.changed_load_id,
    -- who, and from where
    {{ user_key('events.uid') }} as user_key,
    events.user_agent_key,
    events.named_job_id,
    events.utm_content,
    events.utm_term,
    {{ url_without_query('events.referrer_url') }} as referrer_url,
    events.referrer_host_key
from {{ ref('int_job_events') }} as events
