with referrers as (
    select
        {{ text_key(page_of_url('referrer_url')) }} as referrer_key,
        min({{ page_of_url('referrer_url') }}) as referrer_url,
        (array_agg(referrer_host_key order by referrer_host))[1] as referrer_host_key,
        min(referrer_host) as referrer_host
    from {{ ref('int_referrers') }}
    group by 1
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
