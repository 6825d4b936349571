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

landed_to as (
    select
        streams.stream,
        (
            select max(slices.load_id) from {{ source('ledger', 'slices') }} as slices
            where slices.stream = streams.stream
        ) as load_id
    from (select distinct positions.stream from positions) as streams
),

landed as (
    select
        stream,
        load_id,
        {{ newest_kafka_timestamp('landed_to.stream', 'landed_to.load_id') }} as kafka_timestamp
    from landed_to
    where load_id is not null
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
    {{ rows_of_every_stream('accounts', ['load_id', 'newest_event_at']) }}
    union all
    {{ rows_of_every_stream('newest', ['newest_load_id', 'newest_event_at']) }}
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
