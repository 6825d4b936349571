with referrers as (
    select * from {{ ref('int_referrers') }}
),

referrer_hosts as (
    select * from {{ source('enrichment', 'referrer_host') }}
),

shops as (
    select * from {{ ref('host_countries') }}
),

final as (
    select
        referrers.referrer_key,
        referrers.referrer_url,
        referrers.referrer_host_key,
        referrers.referrer_host,
        {{ referrer_medium('referrers.referrer_key', 'shops.host', 'referrer_hosts.medium') }} as medium,
        referrer_hosts.source
    from referrers
    left join referrer_hosts on referrers.referrer_host_key = referrer_hosts.referrer_host_key
    left join shops on referrers.referrer_host = shops.host
)

select * from final
