with rejected_records as (
    {{ rows_of_every_stream('rejected', ['load_id', 'reason', 'kafka_timestamp', 'landed_at']) }}
),

accounts as (
    {{ rows_of_every_stream('accounts', ['load_id', 'conflicting_duplicates', 'newest_kafka_timestamp']) }}
),

-- in no mart: their time was before the bound of facts when they landed
late as (
    select
        stream,
        'late_event' as issue,
        '(none)' as detail,
        1::bigint as events,
        load_id as newest_load_id,
        {{ record_time() }} as newest_kafka_timestamp
    from {{ source('progress', 'late_events') }}
),

-- asked by kind, which the key of these tables begins with
seen as not materialized (
    {{ rows_of_every_stream('values', ['kind', 'value', 'events', 'newest_load_id', 'newest_kafka_timestamp']) }}
),

rejected as (
    select
        stream,
        'rejected' as issue,
        reason as detail,
        1::bigint as events,
        load_id as newest_load_id,
        {{ record_time() }} as newest_kafka_timestamp
    from rejected_records
),

conflicting as (
    select
        stream,
        'conflicting_duplicate' as issue,
        '(none)' as detail,
        conflicting_duplicates as events,
        load_id as newest_load_id,
        newest_kafka_timestamp
    from accounts
    where conflicting_duplicates > 0
),

bad_casts as (
    select
        stream,
        'bad_cast' as issue,
        string_to_table(value, ', ') as detail,
        events,
        newest_load_id,
        newest_kafka_timestamp
    from seen
    where kind = 'bad_cast'
),

from_future as (
    select
        stream,
        kind as issue,
        value as detail,
        events,
        newest_load_id,
        newest_kafka_timestamp
    from seen
    where kind = 'from_future'
),

hosts as (
    select
        seen.stream,
        case
            when hosts.environment = 'production' then null
            when hosts.environment is not null or {{ is_not_production('seen.value') }} then 'not_production'
            else 'unmapped_host'
        end as issue,
        seen.value as detail,
        seen.events,
        seen.newest_load_id,
        seen.newest_kafka_timestamp
    from seen
    left join {{ ref('host_countries') }} as hosts on seen.value = hosts.host
    where seen.kind = 'host'
),

event_types as (
    select
        seen.stream,
        'unknown_event_type' as issue,
        seen.value as detail,
        seen.events,
        seen.newest_load_id,
        seen.newest_kafka_timestamp
    from seen
    left join {{ ref('event_types') }} as event_types on seen.value = event_types.event_type
    where seen.kind = 'event_type' and event_types.event_type is null
),

currencies_seen as (
    select
        *,
        split_part(value, '/', 1) as host,
        substr(value, strpos(value, '/') + 1) as currency_text
    from seen
    where kind = 'currency'
),

-- counted as {{ unknown_currency() }}
unknown_currencies as (
    select
        seen.stream,
        'unknown_currency' as issue,
        seen.currency_text || ' on ' || seen.host as detail,
        seen.events,
        seen.newest_load_id,
        seen.newest_kafka_timestamp
    from currencies_seen as seen
    left join {{ ref('host_countries') }} as hosts on seen.host = hosts.host
    where
        not exists (
            select currencies.currency from {{ ref('currencies') }} as currencies
            where
                seen.currency_text = currencies.currency_text
                and currencies.country_name in ('(any)', hosts.country_name)
        )
),

-- what bounds of identity and of paths leave out; counted as logins, devices and orders
wide_logins as (
    select
        'product_views' as stream,
        'login_on_too_many_devices' as issue,
        'more than ' || more_than_devices as detail,
        count(*) as events,
        null::bigint as newest_load_id,
        null::timestamptz as newest_kafka_timestamp
    from {{ ref('int_wide_logins') }}
    group by 3
),

shared_devices as (
    select
        'product_views' as stream,
        'shared_device' as issue,
        '(none)' as detail,
        count(distinct device_key) as events,
        null::bigint as newest_load_id,
        null::timestamptz as newest_kafka_timestamp
    from {{ ref('int_visitor_sessions') }}
    where is_on_shared_device
    having count(*) > 0
),

cut_paths as (
    select
        'product_views' as stream,
        'path_cut' as issue,
        'more than {{ var("attribution_max_touches") }}' as detail,
        count(distinct order_key) as events,
        null::bigint as newest_load_id,
        null::timestamptz as newest_kafka_timestamp
    from {{ ref('int_order_credits') }}
    where is_cut
    having count(*) > 0
),

findings as (
    select * from rejected
    union all
    select * from conflicting
    union all
    select * from late
    union all
    select * from bad_casts
    union all
    select * from from_future
    union all
    select * from hosts
    where issue is not null
    union all
    select * from event_types
    union all
    select * from unknown_currencies
    union all
    select * from wide_logins
    union all
    select * from shared_devices
    union all
    select * from cut_paths
),

final as (
    select
        stream,
        issue,
        left({{ or_none('detail') }}, 200) as detail,
        sum(events)::bigint as events,
        max(newest_load_id) as newest_load_id,
        max(newest_kafka_timestamp) as newest_kafka_timestamp
    from findings
    group by 1, 2, 3
)

select * from final
