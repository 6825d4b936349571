{% set accounts = {
    'job_tracking': ref('int_job_tracking__accounts'),
    'product_views': ref('int_product_views__accounts'),
    'web_logs': ref('int_web_logs__accounts'),
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
    select
        stream,
        max(load_id) as load_id,
        max(max_kafka_timestamp) as kafka_timestamp
    from {{ source('ledger', 'slices') }}
    group by 1
),

-- marts that are as far as each other are looked up once
reached as (
    select distinct
        stream,
        load_id
    from positions
),

newest as (
    {% for stream, relation in accounts.items() %}
        select
            reached.stream,
            reached.load_id,
            max(accounts.newest_event_at) as event_at,
            max(accounts.newest_kafka_timestamp) as kafka_timestamp
        from reached
        inner join {{ relation }} as accounts on reached.load_id >= accounts.load_id
        where reached.stream = '{{ stream }}'
        group by 1, 2
        {{ 'union all' if not loop.last }}
    {% endfor %}
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
