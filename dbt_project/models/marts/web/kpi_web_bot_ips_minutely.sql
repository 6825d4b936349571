with minutes as (
    select * from {{ ref('int_web_ip_minutes') }}
    where {{ is_bot_rate('request_count') }}
),

addresses as (
    select * from {{ source('enrichment', 'ip_address') }}
),

final as (
    select
        minutes.minute_start,
        minutes.ip_hash,
        addresses.ip_address,
        minutes.request_count
    from minutes
    left join addresses on minutes.ip_hash = addresses.ip_key
)

select * from final
