{% set newest = {
    'job_tracking': (ref('int_job_tracking__accounts'), ref('int_job_events__newest')),
    'product_views': (ref('int_product_views__accounts'), ref('int_product_events__newest')),
    'web_logs': (ref('int_web_logs__accounts'), ref('int_web_requests__newest')),
} %}

-- a mart holds what every table beneath it has read
with marts (mart, stream, relation) as (
    values
    (null::text, null::text, null::text)
    {%- for item in marts_and_streams() %}
        {%- for relation in item.relations %},
    ('{{ item.mart }}', '{{ item.stream }}', '{{ relation }}')
        {%- endfor %}
    {%- endfor %}
),

positions as (
    select
        marts.mart,
        marts.stream,
        min(coalesce(progress.position, 0)) as load_id
    from marts
    left join {{ source('progress', 'model_progress') }} as progress
        on marts.relation = progress.relation and marts.stream = progress.source
    where marts.mart is not null
    group by 1, 2
),

landed as (
    {% for stream in newest %}
        select
            '{{ stream }}' as stream,
            newest_load.load_id,
            {{ newest_kafka_timestamp("'" ~ stream ~ "'", 'newest_load.load_id') }} as kafka_timestamp
        from (
            select max(load_id) as load_id from {{ source('ledger', 'slices') }}
            where stream = '{{ stream }}'
        ) as newest_load
        where newest_load.load_id is not null
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- marts that are as far as each other are looked up once
reached as (
    select distinct
        stream,
        load_id
    from positions
),

-- the newest event of each load; the accounts of the last loads may not be made yet, and the newest of all is known before
newest_events (stream, load_id, event_at) as (
    {% for stream, (accounts, newest_of_all) in newest.items() %}
        select '{{ stream }}', load_id, newest_event_at from {{ accounts }}
        union all
        select '{{ stream }}', newest_load_id, newest_event_at from {{ newest_of_all }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

newest as (
    select
        reached.stream,
        reached.load_id,
        (
            select max(events.event_at) from newest_events as events
            where events.stream = reached.stream and events.load_id <= reached.load_id
        ) as event_at,
        {{ newest_kafka_timestamp('reached.stream', 'reached.load_id') }} as kafka_timestamp
    from reached
),

final as (
    select
        positions.mart,
        positions.stream,
        newest.event_at as newest_event_at,
        positions.load_id as newest_load_id,
        greatest(landed.load_id - positions.load_id, 0) as loads_behind,
        greatest(landed.kafka_timestamp - newest.kafka_timestamp, interval '0') as lag
    from positions
    left join landed on positions.stream = landed.stream
    left join newest on positions.stream = newest.stream and positions.load_id = newest.load_id
)

select * from final
