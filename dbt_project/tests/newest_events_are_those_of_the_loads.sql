{% set streams = {
    'job_tracking': (ref('int_job_tracking__accounts'), ref('int_job_events__newest')),
    'product_views': (ref('int_product_views__accounts'), ref('int_product_events__newest')),
    'web_logs': (ref('int_web_logs__accounts'), ref('int_web_requests__newest')),
} %}
-- The newest event of a stream, those from the future left out, is that of its loads: two tables that are made apart agree. And the
-- watermark, by which windows of requests are complete, is one of the newest.
{% for stream, (accounts, newest) in streams.items() %}
    select
        '{{ stream }}' as stream,
        (select max(newest_event_at) from {{ accounts }}) as of_loads,
        (select max(newest_event_at) from {{ newest }}) as newest_event_at
    where
        (select max(newest_event_at) from {{ accounts }}) is distinct from (select max(newest_event_at) from {{ newest }})
        and {{ are_as_far(stream, [accounts, newest]) }}
    union all
{% endfor %}
select
    'web_logs' as stream,
    null as of_loads,
    watermark.newest_event_at
from {{ ref('int_web_requests__watermark') }} as watermark
where
    watermark.newest_event_at is not null
    and watermark.newest_event_at not in (select newest.newest_event_at from {{ ref('int_web_requests__newest') }} as newest)
