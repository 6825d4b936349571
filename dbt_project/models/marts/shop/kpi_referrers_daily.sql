-- addresses that differ in their query alone are one page
with daily as (
    select
        event_date,
        {{ page_of_url('referrer_url') }} as referrer_url,
        (array_agg(referrer_key))[1] as referrer_key,
        (array_agg(referrer_host_key order by referrer_host))[1] as referrer_host_key,
        min(referrer_host) as referrer_host,
        sum(views)::bigint as views,
        sum(human_views)::bigint as human_views
    from {{ ref('int_referrer_views__daily') }}
    where views > 0
    group by 1, 2
),

referrer_hosts as (
    select * from {{ source('enrichment', 'referrer_host') }}
),

shops as (
    select * from {{ ref('host_countries') }}
),

known as (
    select
        daily.event_date,
        daily.referrer_url,
        daily.referrer_host,
        {{ referrer_medium('daily.referrer_key', 'shops.host', 'referrer_hosts.medium') }} as medium,
        daily.views,
        daily.human_views
    from daily
    left join referrer_hosts on daily.referrer_host_key = referrer_hosts.referrer_host_key
    left join shops on daily.referrer_host = shops.host
),

final as (
    select
        event_date,
        referrer_url,
        referrer_host,
        medium,
        views,
        human_views,
        row_number() over by_views as rank,
        row_number() over by_human_views as human_rank,
        -- among the rows so far: one sort gives both ranks
        case
            when {{ is_external('medium') }} then count(*) filter (where {{ is_external('medium') }}) over by_views
        end as external_rank,
        case
            when {{ is_external('medium') }} then count(*) filter (where {{ is_external('medium') }}) over by_human_views
        end as human_external_rank
    from known
    window
        by_views as (partition by event_date order by views desc, referrer_url collate "C"),
        by_human_views as (partition by event_date order by human_views desc, referrer_url collate "C")
)

select * from final
