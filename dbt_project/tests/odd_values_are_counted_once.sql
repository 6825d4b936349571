{% set streams = {
    'job_tracking': (ref('int_job_tracking__values'), ref('int_job_events')),
    'product_views': (ref('int_product_views__values'), ref('int_product_events')),
    'web_logs': (ref('int_web_logs__values'), ref('int_web_requests')),
} %}
-- Events with a cast that failed and events from the future are as many as the facts say that a table of values has read; where facts
-- were let go, which stay counted, not fewer.
{% for stream, (counted, fact) in streams.items() %}
    {% for kind, condition in {'bad_cast': 'bad_casts is not null', 'from_future': 'is_from_future'}.items() %}
        select
            '{{ stream }}' as stream,
            '{{ kind }}' as kind,
            (select coalesce(sum(events), 0) from {{ counted }} where kind = '{{ kind }}') as events_counted,
            count(*) as events_found
        from {{ fact }}
        where {{ condition }} and load_id <= {{ position_in(counted, stream) }}
        having
            count(*) > (select coalesce(sum(events), 0) from {{ counted }} where kind = '{{ kind }}')
            or (
                count(*) < (select coalesce(sum(events), 0) from {{ counted }} where kind = '{{ kind }}')
                and not {{ something_is_let_go([stream]) }}
            )
        {{ 'union all' if not loop.last }}
    {% endfor %}
    {{ 'union all' if not loop.last }}
{% endfor %}
