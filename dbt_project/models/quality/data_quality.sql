{% set streams = ['job_tracking', 'product_views', 'web_logs'] %}
{% set facts = {
    'job_tracking': ref('fct_job_events'),
    'product_views': ref('fct_product_events'),
    'web_logs': ref('int_web_requests'),
} %}

with rejected as (
    {% for stream in streams %}
        select
            '{{ stream }}' as stream,
            'rejected' as issue,
            reason as detail,
            load_id,
            kafka_timestamp
        from {{ ref('int_' ~ stream ~ '__rejected') }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

bad_casts as (
    {% for stream in ['job_tracking', 'web_logs'] %}
        select
            '{{ stream }}' as stream,
            'bad_cast' as issue,
            string_to_table(bad_casts, ', ') as detail,
            load_id,
            kafka_timestamp
        from {{ facts[stream] }}
        where bad_casts is not null
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

from_future as (
    {% for stream in streams %}
        select
            '{{ stream }}' as stream,
            'from_future' as issue,
            null as detail,
            load_id,
            kafka_timestamp
        from {{ facts[stream] }}
        where is_from_future
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

shop as (
    {% for issue, detail, condition in [
        ('unmapped_host', 'host', "country_name = 'Unmapped' and is_production"),
        ('not_production', 'host', 'not is_production'),
        ('unknown_event_type', 'event_type', 'not is_known_type'),
    ] %}
        select
            'product_views' as stream,
            '{{ issue }}' as issue,
            {{ detail }} as detail,
            load_id,
            kafka_timestamp
        from {{ facts['product_views'] }}
        where {{ condition }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
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
