{{ config(contract={'enforced': true}) }}

with rejected as (
    {% for stream in ('job_tracking', 'product_views', 'web_logs') %}
    select '{{ stream }}' as stream, 'rejected' as issue, reason as detail, load_id, kafka_timestamp
    from {{ ref('int_' ~ stream ~ '__rejected') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

bad_casts as (
    select 'job_tracking' as stream, 'bad_cast' as issue, string_to_table(bad_casts, ', ') as detail, load_id, kafka_timestamp
    from {{ ref('fct_job_events') }}
    where bad_casts is not null
    union all
    select 'web_logs' as stream, 'bad_cast' as issue, string_to_table(bad_casts, ', ') as detail, load_id, kafka_timestamp
    from {{ ref('int_web_requests') }}
    where bad_casts is not null
),

from_future as (
    select 'job_tracking' as stream, 'from_future' as issue, null as detail, load_id, kafka_timestamp
    from {{ ref('fct_job_events') }}
    where is_from_future
    union all
    select 'product_views' as stream, 'from_future' as issue, null as detail, load_id, kafka_timestamp
    from {{ ref('fct_product_events') }}
    where is_from_future
    union all
    select 'web_logs' as stream, 'from_future' as issue, null as detail, load_id, kafka_timestamp
    from {{ ref('int_web_requests') }}
    where is_from_future
),

shop as (
    select 'product_views' as stream, 'unmapped_host' as issue, host as detail, load_id, kafka_timestamp
    from {{ ref('fct_product_events') }}
    where country_name = 'Unmapped' and is_production
    union all
    select 'product_views' as stream, 'unknown_event_type' as issue, event_type as detail, load_id, kafka_timestamp
    from {{ ref('fct_product_events') }}
    where not is_known_type
    union all
    select 'product_views' as stream, 'not_production' as issue, host as detail, load_id, kafka_timestamp
    from {{ ref('fct_product_events') }}
    where not is_production
),

findings as (
    select * from rejected
    union all
    select * from bad_casts
    union all
    select * from from_future
    union all
    select * from shop
),

final as (
    select
        stream,
        issue,
        left({{ or_none('detail') }}, 200) as detail,
        count(*) as events,
        max(load_id) as newest_load_id,
        max(kafka_timestamp) as newest_kafka_timestamp
    from findings
    group by 1, 2, 3
)

select * from final
